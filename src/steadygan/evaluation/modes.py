"""Modes of the 2-D toys: which of the Gaussians do fakes reach, and how well?"""

import math
from typing import ClassVar, Literal

import torch
from pydantic import PositiveFloat
from torch import Tensor

from steadygan.errors import EvaluationError
from steadygan.evaluation.base import Extractor, Metric, Samples
from steadygan.evaluation.checks import tap_of


class ModeCoverage(Metric):
    """Modes that have a high-quality sample: one within 3 std of its nearest centre. Higher is better.

    The protocol of PacGAN (Lin et al. 2018, arXiv:1712.04086, section 4.1), with 2,500 samples in its tables. Of a perfect
    2-D generator 1 - exp(-4.5) = 98.9% of samples are of high quality.

    Attributes:
        centers: of the Gaussians, K points; for `Ring()` of the data family `Ring().centers.tolist()`.
        std: of each coordinate around its centre.
    """

    at_least: ClassVar[int] = 1

    name: Literal["modes"] = "modes"
    centers: tuple[tuple[float, ...], ...]
    std: PositiveFloat

    @property
    def higher_is_better(self) -> bool:
        """More modes are better."""
        return True

    def title(self, extractor: Extractor) -> str:
        """`modes covered (of 25)`."""
        return f"modes covered (of {len(self.centers)})"

    def compare(self, real: Samples, fake: Samples) -> dict[str, float]:
        """`modes` in 0..K, `high_quality` in 0..1, and `reverse_kl`: KL(fakes over modes || equal shares) in 0..log K."""
        points, centers = tap_of(fake, "head", self.name, self.at_least), torch.tensor(self.centers)
        if points.shape[1:] != centers.shape[1:]:
            problem = f"modes: points have {points.shape[1]} coordinates, the centers {list(centers.shape[1:])}"
            raise EvaluationError(problem, "set centers= to the means of the data's Gaussians")
        distance, mode = torch.cdist(points, centers, compute_mode="donot_use_mm_for_euclid_dist").min(1)
        good = distance <= 3 * self.std
        return {
            "modes": float(len(set(mode[good].tolist()))),
            "high_quality": float(good.double().mean()),
            "reverse_kl": divergence_from_equal(mode, len(centers)),
        }


def divergence_from_equal(mode: Tensor, count: int) -> float:
    """KL divergence in nats of the shares of modes, [N] int64 in 0..count-1, from equal shares."""
    shares = torch.bincount(mode, minlength=count).double() / len(mode)
    return math.log(count) + float(torch.special.xlogy(shares, shares).sum())
