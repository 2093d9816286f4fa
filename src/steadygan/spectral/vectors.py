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
    found = torch.zeros(groups, count, size, dtype=torch.float64)
    found[:, : min(count, size)] = torch.linalg.qr(vectors).Q.mT
    return found.transpose(0, 1).flatten(1)


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
    columns = torch.linalg.qr(torch.where(usable, stacks / lengths, random).mT).Q
    found = torch.zeros_like(stacks)
    found[:, : columns.shape[2]] = columns.mT
    return beside(found).to(basis)
