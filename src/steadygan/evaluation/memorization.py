"""Memorization: are fakes closer to training images than fresh reals would be?"""

from typing import ClassVar, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from steadygan.evaluation.base import Extractor, Metric, Samples
from steadygan.evaluation.checks import tap_of
from steadygan.evaluation.neighbours import CHUNK, squared_distances


class Memorization(Metric):
    """Share of fakes that lie closer to a training image than all but 1% of training images lie to each other. Lower is better.

    The yardstick is the data's own: the distance of each real to its nearest other real. Fresh reals score about 0.01 (the
    floor says how much exactly), a generator that copies scores up to 1, one whose images are far from all reals scores 0.
    Copies of training images that are not among the reals given here go unseen: give all of them. `nearest` names the pairs,
    for a picture. The idea follows Meehan et al. 2020, arXiv:2004.05675, who compare the same two sets of distances by rank.

    Attributes:
        quantile: of the real-real distances; what is nearer is called a copy.
        tap: which features.
    """

    at_least: ClassVar[int] = 100

    name: Literal["memorization"] = "memorization"
    quantile: float = Field(default=0.01, gt=0, lt=1)
    tap: str = "head"

    def title(self, extractor: Extractor) -> str:
        """`near-copies of training images`."""
        return "near-copies of training images"

    def compare(self, real: Samples, fake: Samples) -> dict[str, float]:
        """`memorization` in 0..1; `memorization_distance`: median fake-real over median real-real, 1 for fresh reals."""
        x, y = (tap_of(samples, self.tap, self.name, self.at_least) for samples in (real, fake))
        usual, found = nearest(x).distance, nearest(y, x).distance
        threshold = usual.quantile(self.quantile)
        return {
            "memorization": float((found <= threshold).double().mean()),
            "memorization_distance": float(found.median() / usual.median().clamp(min=torch.finfo(usual.dtype).tiny)),
        }


class Neighbour(NamedTuple):
    """For each of N samples its nearest neighbour: its position [N] int64 and distance [N]."""

    position: Tensor
    distance: Tensor


def nearest(samples: Tensor, among: Tensor | None = None) -> Neighbour:
    """The nearest of `among` [M, F] for each of `samples` [N, F]; without `among`, the nearest of the other samples.

    Distances are computed anew for the pair found, so that a copy is at exactly 0.
    """
    pool = samples if among is None else among
    centre = pool.mean(0)
    found = []
    for start in range(0, len(samples), CHUNK):
        distances = squared_distances(samples[start : start + CHUNK] - centre, pool - centre)
        if among is None:
            distances.diagonal(start).fill_(torch.inf)  # a sample is not its own neighbour
        found.append(distances.argmin(1))
    position = torch.cat(found)
    return Neighbour(position, (samples - pool[position]).norm(dim=1))
