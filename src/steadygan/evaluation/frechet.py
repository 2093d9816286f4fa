"""Frechet distance between Gaussians fitted to features."""

from typing import ClassVar, Literal

import torch
from torch import Tensor

from steadygan.evaluation.base import Extractor, Metric, Samples
from steadygan.evaluation.checks import tap_of


class FrechetDistance(Metric):
    """|m - m'|^2 + tr(S + S' - 2 (S S')^(1/2)), means and covariances of features. Heusel et al. 2017, arXiv:1706.08500, eq. 6.

    Lower is better. It is biased upwards, by more the fewer samples there are: compare only at equal n, and with the floor.
    It is FID with Inception features and with no others; there it takes 50,000 samples to be comparable with published
    tables.

    Attributes:
        tap: which features. `tap` is what an extractor holds best for this: few dimensions bias it less.
    """

    at_least: ClassVar[int] = 2

    name: Literal["frechet"] = "frechet"
    tap: str = "tap"

    def title(self, extractor: Extractor) -> str:
        """`FID` for Inception's features, else `FD`."""
        return "FID" if extractor.name == "inception-v3" and self.tap == "tap" else "FD"

    def compare(self, real: Samples, fake: Samples) -> dict[str, float]:
        """`frechet`, in squared units of the features."""
        x, y = (tap_of(samples, self.tap, self.name, self.at_least) for samples in (real, fake))
        return {"frechet": frechet_distance(*moments(x), *moments(y))}


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean [F] and unbiased covariance [F, F] of features [N, F], in float64."""
    features = features.double()
    mean = features.mean(0)
    centred = features - mean
    return mean, centred.T @ centred / (len(features) - 1)


def frechet_distance(mean: Tensor, covariance: Tensor, other_mean: Tensor, other_covariance: Tensor) -> float:
    """Squared 2-Wasserstein distance of two Gaussians: [F], [F, F], [F], [F, F] -> at least 0. Dowson & Landau 1982.

    The trace of (S S')^(1/2) is taken from the eigenvalues of the symmetric S^(1/2) S' S^(1/2), which has the same ones: no
    complex square root, and covariances of rank below F (fewer samples than features) do no harm.

    >>> a, b = torch.eye(2, dtype=torch.float64), 4 * torch.eye(2, dtype=torch.float64)
    >>> frechet_distance(torch.zeros(2), a, torch.ones(2), b)  # 1 + 1 from the means, (2 - 1)^2 an axis
    4.0
    """
    root = square_root(covariance)
    product = root @ other_covariance @ root
    cross = torch.linalg.eigvalsh((product + product.T) / 2).clamp(min=0).sqrt().sum()
    distance = (mean - other_mean).square().sum() + covariance.trace() + other_covariance.trace() - 2 * cross
    return max(float(distance), 0.0)  # rounding alone can take it below


def square_root(matrix: Tensor) -> Tensor:
    """Symmetric square root of a positive semi-definite matrix [F, F]; eigenvalues below 0 by rounding count as 0."""
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    return root
