"""Vectors to start from: random ones, and those that somebody bent, as an average of buffers does."""

import zlib

import torch
from torch import Tensor

from steadygan.spectral.subspace import WIDTH, apart, beside

BENT = 0.1  # how far inner products may be from those of orthonormal vectors; an iteration leaves them at rounding


def starting_vectors(groups: int, count: int, size: int, name: str) -> Tensor:
    """Random orthonormal vectors, the same for the same name; zero beyond `size`: -> [count, groups * size] float64."""
    random = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    vectors = torch.randn(groups, size, count, generator=random, dtype=torch.float64)
    return beside(orthonormal(vectors.mT))


def orthonormal(stacks: Tensor) -> Tensor:
    """The rows of each stack made orthonormal in order, by QR; zero beyond N: [G, B, N] -> [G, B, N] float64."""
    columns = torch.linalg.qr(stacks.mT.double()).Q  # [G, N, min(B, N)]
    found = torch.zeros(stacks.shape, dtype=torch.float64, device=stacks.device)  # contiguous, whatever the stacks are
    found[:, : columns.shape[2]] = columns.mT
    return found


def is_straight(basis: Tensor, blocks: int) -> bool:
    """The vectors of each block are orthonormal but for some that are zero, and the first is not: [3, G * N]."""
    stacks = apart(basis, blocks)
    grams = stacks @ stacks.mT
    expected = torch.diag_embed((grams.diagonal(dim1=1, dim2=2) > 0.5).to(grams))
    return bool((expected[:, 0, 0] == 1).all() and ((grams - expected).abs() < BENT).all())


def straightened(basis: Tensor, blocks: int, name: str) -> Tensor:
    """Orthonormal vectors of the same span as far as there is one, else random ones: [3, G * N] -> [3, G * N]."""
    stacks = apart(basis, blocks).double()
    size = stacks.shape[2]
    lengths = torch.linalg.vector_norm(stacks, dim=2, keepdim=True)
    usable = stacks.isfinite().all(2, keepdim=True) & (lengths > 0)
    random = apart(starting_vectors(blocks, WIDTH, size, name), blocks).to(stacks)
    return beside(orthonormal(torch.where(usable, stacks / lengths, random))).to(basis)
