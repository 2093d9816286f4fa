"""Exact singular values and what is read off them. For monitoring: a full decomposition, in float64 on the CPU."""

import torch
from torch import Tensor, nn

from steadygan.spectral.matrix import as_matrices


@torch.no_grad()
def singular_values(weight: Tensor, layer: nn.Module) -> Tensor:
    """All singular values of a layer's weight, the largest first: -> [G, min(M, N)] float64; NaN where it is not finite."""
    matrices = as_matrices(weight.detach(), layer).to("cpu", torch.float64)
    if not torch.isfinite(matrices).all():
        return torch.full((len(matrices), min(matrices.shape[1:])), torch.nan, dtype=torch.float64)
    scale = matrices.abs().amax().clamp_min(torch.finfo(torch.float64).tiny)  # 1e200 squared is not finite either
    values: Tensor = torch.linalg.svdvals(matrices / scale)
    return values * scale


def spectral_norm_of(values: Tensor) -> float:
    """The largest singular value of all groups: [G, K] -> number."""
    return float(values.amax())


def condition_number(values: Tensor) -> float:
    """Largest over smallest singular value, the worst group: [G, K] -> number, at least 1; inf for a singular matrix."""
    return float((values[:, 0] / values[:, -1]).nan_to_num(torch.inf, torch.inf).amax())


def effective_rank(values: Tensor) -> float:
    """Exponential of the entropy of the normalized singular values, the mean over groups: [G, K] -> 1..K.

    Roy & Vetterli 2007, "The effective rank: a measure of effective dimensionality".

    >>> effective_rank(torch.tensor([[2.0, 2.0, 2.0, 2.0]]))
    4.0
    """
    shares = values / values.sum(1, keepdim=True)
    return round(float(torch.special.entr(shares).sum(1).exp().mean()), 6)


def stable_rank(values: Tensor) -> float:
    """Squared Frobenius norm over squared spectral norm, the mean over groups: [G, K] -> 1..K."""
    return float(((values / values[:, :1]).square().sum(1)).mean())
