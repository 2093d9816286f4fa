"""Power iteration: the leading singular vectors of a stack of matrices, each warm-started where the last call ended."""

import torch
from torch import Tensor


def power_iteration(matrices: Tensor, u: Tensor, v: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """`n` iterations u <- Wv/|Wv|, v <- W'u/|W'u|: [G, M, N], [G, M], [G, N] -> (u [G, M], v [G, N]).

    The estimate u'Wv never exceeds the largest singular value and nears it by the factor (s2/s1)^4 in error an iteration.
    A zero or non-finite product keeps the vectors as they were, so that one bad step does not poison the next.

    >>> u, v = power_iteration(torch.tensor([[[3.0, 0.0], [0.0, 1.0]]]), torch.ones(1, 2), torch.ones(1, 2), 10)
    >>> sigma(torch.tensor([[[3.0, 0.0], [0.0, 1.0]]]), u, v)
    tensor([3.])
    """
    for _ in range(n):
        u = unit(torch.bmm(matrices, v.unsqueeze(2)).squeeze(2), otherwise=u)
        v = unit(torch.bmm(u.unsqueeze(1), matrices).squeeze(1), otherwise=v)
    return u, v


def sigma(matrices: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """The bilinear form u'Wv of each matrix, differentiable in W: [G, M, N], [G, M], [G, N] -> [G]."""
    if len(matrices) == 1:  # the usual case, with fewer and cheaper operations
        return torch.dot(u[0], torch.mv(matrices[0], v[0])).unsqueeze(0)
    return (u * torch.bmm(matrices, v.unsqueeze(2)).squeeze(2)).sum(1)


def unit(vectors: Tensor, otherwise: Tensor) -> Tensor:
    """`vectors` at length 1; a row that is zero or not finite is taken from `otherwise`: [G, N], [G, N] -> [G, N].

    Scaled by the largest entry first: the square of 1e-30 is zero in float32.
    """
    largest = vectors.abs().amax(1, keepdim=True)
    scaled = vectors / largest
    usable = torch.isfinite(largest) & (largest > 0)
    return torch.where(usable, scaled / scaled.norm(dim=1, keepdim=True), otherwise)
