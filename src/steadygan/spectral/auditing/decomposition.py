"""The spectrum of many weights within a budget: a full decomposition where it is cheap, and what was done instead where not."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from steadygan.spectral.leading import iterate, start
from steadygan.spectral.singular import condition_number, effective_rank, of_matrices, spectral_norm_of

Method = Literal["full", "gram", "power"]
SMALL = 1 << 28  # M * N * min(M, N) up to which even a singular value decomposition takes less than a tenth of a second
BUDGET = 1e12  # multiplications for all weights of a network: 20 s on one core of a server, 50 s on a slow one
BLUR = 1e-6  # smaller than this times the largest, a singular value is lost in the rounding of the Gram matrix in float64
TOLERANCE = 1e-3  # of the residual of power iterations; the error of sigma goes with its square


@dataclass(frozen=True)
class Spectrum:
    """What is known of the singular values of one weight.

    Attributes:
        sigma: the largest; None where the weight is not finite.
        condition: largest over smallest singular value, inf for a singular matrix; None where it is not known.
        rank: effective rank, at most `full`; None where it is not known.
        method: `full`: all singular values, with a relative error of at most 1e-8. `gram`: the same from the eigenvalues of WW'
            alone: sigma as exact, but inf stands for every condition number above 1e6. `power`: block power iterations until
            they stand still: sigma is an estimate that can only be too small, and the rest is not known.
    """

    sigma: float | None
    condition: float | None
    rank: float | None
    full: int
    method: Method


def methods_for(shapes: Sequence[tuple[int, int, int]], budget: float = BUDGET) -> list[Method]:
    """How to decompose stacks of matrices of shapes [G, M, N] within a budget, the cheapest first."""
    chosen: list[Method] = ["power"] * len(shapes)
    for index in sorted(range(len(shapes)), key=lambda index: cost(shapes[index])):
        _, m, n = shapes[index]
        budget -= cost(shapes[index])
        if budget >= 0:
            chosen[index] = "full" if m * n * min(m, n) <= SMALL or math.isinf(budget) else "gram"
    return chosen


def cost(shape: tuple[int, int, int]) -> float:
    """Multiplications, about: the Gram matrices and their eigenvalues, which run at a third of the speed of a product."""
    groups, m, n = shape
    small, large = sorted((m, n))
    return float(groups * small**2 * (large + 3 * small))


def spectrum_of(matrices: Tensor, method: Method) -> Spectrum:
    """The spectrum of a stack of matrices [G, M, N]: the largest norm, the worst condition and the mean rank over G."""
    full = min(matrices.shape[1:])
    if not torch.isfinite(matrices).all():
        return Spectrum(None, None, None, full, method)
    if method == "power":
        return Spectrum(estimate(matrices), None, None, full, method)
    values = of_matrices(matrices) if method == "full" else gram_values(matrices)
    sigma = spectral_norm_of(values)
    if sigma == 0:
        return Spectrum(0.0, math.inf, None, full, method)
    return Spectrum(sigma, condition_number(values), effective_rank(values[values[:, 0] > 0]), full, method)


def estimate(matrices: Tensor) -> float:
    """The largest singular value of a stack, as block power iterations know it, in the type and on the device of the stack."""
    wide = matrices.detach().to(torch.promote_types(matrices.dtype, torch.float32))
    single = (wide[index : index + 1] for index in range(len(wide)))
    return max(float(iterate(one, start(one, 1), 1, TOLERANCE).values.amax()) for one in single)


def gram_values(matrices: Tensor) -> Tensor:
    """All singular values, the largest first: [G, M, N] -> [G, min(M, N)] float64; those that the Gram matrix blurs are 0."""
    wide = (matrices if matrices.shape[1] <= matrices.shape[2] else matrices.mT).detach().to("cpu", torch.float64)
    scale = float(wide.abs().amax()) or 1.0  # 1e200 squared is not finite, and 1e-200 squared is nothing
    wide = wide / scale
    values = torch.linalg.eigvalsh(wide @ wide.mT).flip(1).clamp_min(0).sqrt()
    return torch.where(values > BLUR * values[:, :1], values, 0) * scale
