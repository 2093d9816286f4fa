"""Scores from nearest neighbours: do fakes lie where reals lie, and do they reach everywhere?"""

from typing import Literal

import torch
from pydantic import PositiveInt
from torch import Tensor

from steadygan.evaluation.base import Extractor, Metric, Samples
from steadygan.evaluation.checks import tap_of

CHUNK = 1024  # rows of a distance matrix in memory at a time


class Neighbours(Metric):
    """Precision, recall, density, coverage: shares of samples inside balls that reach to the k-th neighbour. Higher is better.

    Precision: fakes inside some real's ball; recall: reals inside some fake's ball (Kynkaanniemi et al. 2019,
        arXiv:1904.06991).
    Density: how many real balls a fake is in, over k, about 1 for good fakes, can exceed 1; coverage: reals with a fake in
    their ball (Naeem et al. 2020, arXiv:2002.09797). All four fall or rise with n and k: compare at equal n, and with the
    floor.

    Attributes:
        k: the neighbour, not counting the sample itself. 5 is Naeem's, 3 Kynkaanniemi's.
        tap: which features.
    """

    name: Literal["prdc"] = "prdc"
    k: PositiveInt = 5
    tap: str = "head"

    @property
    def higher_is_better(self) -> bool:
        """All four are."""
        return True

    @property
    def at_least(self) -> int:
        """Samples on each side."""
        return self.k + 1

    def title(self, extractor: Extractor) -> str:
        """`precision`, the first of the four."""
        return "precision"

    def compare(self, real: Samples, fake: Samples) -> dict[str, float]:
        """`precision`, `recall`, `coverage` in 0..1 and `density`, at least 0."""
        x, y = (tap_of(samples, self.tap, self.name, self.at_least) for samples in (real, fake))
        return prdc(x, y, self.k)


def prdc(real: Tensor, fake: Tensor, k: int) -> dict[str, float]:
    """The four scores of features [N, F] and [M, F]."""
    centre = real.mean(0)  # distances do not change, and lose less to rounding
    real, fake = real - centre, fake - centre
    real_radii, fake_radii = radii(real, k), radii(fake, k)  # [N], [M], squared
    hits, recalled, covered = torch.zeros(len(fake)), [], []
    for rows, radius in zip(torch.split(real, CHUNK), torch.split(real_radii, CHUNK), strict=True):
        distances = squared_distances(rows, fake)  # [n, M]
        inside = distances <= radius[:, None]
        hits += inside.sum(0)
        covered.append(inside.any(1))
        recalled.append((distances <= fake_radii).any(1))
    return {
        "precision": float((hits > 0).double().mean()),
        "recall": float(torch.cat(recalled).double().mean()),
        "density": float(hits.double().mean() / k),
        "coverage": float(torch.cat(covered).double().mean()),
    }


def radii(x: Tensor, k: int) -> Tensor:
    """Squared distance of each sample to its k-th neighbour among the others: [N, F] -> [N]."""
    return torch.cat([squared_distances(rows, x).topk(k + 1, largest=False).values[:, k] for rows in torch.split(x, CHUNK)])


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """[N, F], [M, F] -> [N, M], at least 0, off by about 1e-6 of the squared norms."""
    return (x.square().sum(1)[:, None] + y.square().sum(1) - 2 * x @ y.T).clamp_(min=0)
