"""Singular values of a weight, all of them or the largest few, and what is read off them: condition number and ranks."""

from typing import cast

import torch
from torch import Tensor, nn

from steadygan.errors import NetworkError
from steadygan.spectral.leading import iterate, start
from steadygan.spectral.matrix import LAYERS, Weight, weights

RESOLVED = 1e-4  # smaller than this times the largest, a value is not taken from the Gram matrix
TOLERANCE = 1e-7
SMALL = 1024  # rows or columns up to which all values cost less than the largest few


@torch.no_grad()
def singular_values(source: Tensor | nn.Module | Weight, k: int | None = None) -> Tensor:
    """Singular values of a weight, the largest first, in float64 on the CPU.

    All of them come from the eigenvalues of the Gram matrix WW' in float64, which takes a third to a twentieth of the time of a
    singular value decomposition. Squaring loses digits: the relative error of s_i is about 0.05 * 2.2e-16 * (s_1 / s_i)^2, so
    at most 1e-8 down to s_i = 1e-4 * s_1. A matrix with smaller ones is decomposed itself, and its values have an absolute
    error of about 1e-15 * s_1. The largest k come from block power iteration in float64, with an error of at most 1e-7 * s_1
    each; where that does not pay or does not converge, from all of them.

    Args:
        source: a tensor, of which all dimensions but the first are flattened, as those of a convolution kernel; a layer whose
            weight is read as it is used: Linear, Bilinear, Embedding, convolutions (one matrix a group), MultiheadAttention
            (queries, keys, values and output: G = 4); or one of `weights(network)`.
        k: how many; None for all.

    Returns:
        [G, K] for G matrices M x N, with K = min(M, N, k); NaN for a matrix that is not finite.

    Raises:
        NetworkError: a tensor of one dimension, a network instead of a layer, attention whose matrices have different sizes.

    >>> singular_values(torch.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor([[4., 3.]], dtype=torch.float64)
    """
    if k is not None and k < 1:
        raise NetworkError(f"singular values: k must be at least 1, got {k}")
    found = [of_matrices(stack, k) for stack in stacks(source)]
    if len({values.shape[1] for values in found}) > 1:
        numbers = ", ".join(str(values.shape[1]) for values in found)
        raise NetworkError(f"singular values: the weights have {numbers} of them", "take one of weights(layer) at a time")
    return torch.cat(found)


def stacks(source: Tensor | nn.Module | Weight) -> list[Tensor]:
    """The matrices of a tensor, a weight or a layer: stacks [G, M, N]."""
    if isinstance(source, Tensor):
        if source.dim() < 2:
            raise NetworkError(f"singular values: a tensor of shape {list(source.shape)} is no matrix")
        return [source.flatten(1).unsqueeze(0)]
    if isinstance(source, Weight):
        return [source.matrices(source.value)]
    if not isinstance(source, (*LAYERS, nn.MultiheadAttention)):
        kind = type(source).__name__
        raise NetworkError(f"singular values: {kind} is no layer with a weight matrix", "take each of weights(network) in turn")
    return [weight.matrices(weight.value) for weight in weights(source)]


def of_matrices(matrices: Tensor, k: int | None = None) -> Tensor:
    """Singular values of each matrix: [G, M, N] -> [G, min(M, N, k)] float64; NaN where a matrix is not finite."""
    matrices = matrices.detach().to("cpu", torch.float64)
    scale = matrices.abs().amax((1, 2), keepdim=True)
    finite = torch.isfinite(scale)
    safe = torch.where(finite & (scale > 0), scale, 1)  # squares of 1e200 are not finite, those of 1e-200 are zero
    normed = torch.where(finite, matrices, 0) / safe
    values = all_values(normed) if k is None else largest_values(normed, k)
    return torch.where(finite, values.unsqueeze(1) * safe, torch.nan).squeeze(1)


def all_values(matrices: Tensor) -> Tensor:
    """All singular values of finite matrices with entries of at most 1: [G, M, N] -> [G, min(M, N)]."""
    tall = matrices if matrices.shape[1] >= matrices.shape[2] else matrices.mT
    values = cast(Tensor, torch.linalg.eigvalsh(tall.mT @ tall)).flip(1).clamp_min(0).sqrt()
    lost = values[:, -1] < RESOLVED * values[:, 0]
    if lost.any():
        values[lost] = torch.linalg.svdvals(tall[lost])  # up to seven times faster on the tall one
    return values


def largest_values(matrices: Tensor, k: int) -> Tensor:
    """The k largest singular values of finite matrices: [G, M, N] -> [G, min(M, N, k)]."""
    if min(matrices.shape[1:]) > SMALL and (found := iterate(matrices, start(matrices, k), k, TOLERANCE)).converged:
        return found.values
    return all_values(matrices)[:, :k]


def spectral_norm_of(values: Tensor) -> float:
    """The largest singular value of all groups: [G, K] -> number."""
    return float(values.amax())


def condition_number(values: Tensor) -> float:
    """Largest over smallest singular value, the worst group: all values [G, K] -> number, at least 1; NaN for a NaN.

    Infinite for a singular matrix, which one is whose smallest value is not above the rounding of the largest.
    """
    largest, smallest = values[:, 0], values[:, -1]
    rounding = values.shape[1] * torch.finfo(values.dtype).eps * largest
    return float(torch.where(smallest <= rounding, torch.inf, largest / smallest).amax())


def effective_rank(values: Tensor) -> float:
    """Exponential of the entropy of the normalized singular values, the mean over groups: [G, K] -> 1..K; 0 for zeros.

    Roy & Vetterli 2007, "The effective rank: a measure of effective dimensionality".

    >>> round(effective_rank(torch.tensor([[2.0, 2.0, 2.0, 2.0]])), 6)
    4.0
    """
    largest = values[:, :1]
    scaled = values / torch.where(largest == 0, 1, largest)  # the sum of values near the largest float is not finite
    total = scaled.sum(1, keepdim=True)
    ranks = torch.special.entr(scaled / torch.where(total == 0, 1, total)).sum(1).exp()
    return float(torch.where(largest.squeeze(1) == 0, 0, ranks).mean())


def stable_rank(values: Tensor) -> float:
    """Squared Frobenius norm over squared spectral norm, the mean over groups: [G, K] -> 1..K; 0 for zeros."""
    largest = values[:, :1]
    return float((values / torch.where(largest == 0, 1, largest)).square().sum(1).mean())
