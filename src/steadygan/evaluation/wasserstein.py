"""The exact 1-Wasserstein distance between two small sets of points."""

from typing import ClassVar, Literal

import torch
from pydantic import PositiveInt
from torch import Tensor

from steadygan.errors import EvaluationError
from steadygan.evaluation.base import Extractor, Metric, Samples
from steadygan.evaluation.checks import tap_of


class Wasserstein1(Metric):
    """Mean Euclidean length of the moves that turn the fakes into the reals at least cost, one to one. Lower is better.

    That is W_1 of the two empirical measures, exactly: the quantity whose dual form a Wasserstein critic estimates (Arjovsky
    et al. 2017, arXiv:1701.07875, eqs. 1 and 2). Of finite samples it is above 0 for a perfect generator too, the more the
    fewer they are: the floor says how much. Meant for points; in features of images it is a distance as well, but says little.
    Needs scipy, which `pip install 'steadygan[study]'` brings.

    Attributes:
        most: points looked at on each side, at most; time grows with its cube.
        tap: which features.
    """

    at_least: ClassVar[int] = 1

    name: Literal["wasserstein_1"] = "wasserstein_1"
    most: PositiveInt = 1000
    tap: str = "head"

    def title(self, extractor: Extractor) -> str:
        """`W1 of at most 1000 points`."""
        return f"W1 of at most {self.most} points"

    def compare(self, real: Samples, fake: Samples) -> dict[str, float]:
        """`wasserstein_1`, at least 0, in units of the features, between as many of both sides as both have."""
        x, y = (tap_of(samples, self.tap, self.name, self.at_least) for samples in (real, fake))
        n = min(len(x), len(y), self.most)
        return {"wasserstein_1": transport_cost(x[:n], y[:n])}


def transport_cost(x: Tensor, y: Tensor) -> float:
    """Least mean distance over all ways to pair the points of two sets: [N, D], [N, D] -> at least 0.

    Raises:
        EvaluationError: scipy is not installed.
    """
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError:
        raise EvaluationError("wasserstein_1: scipy is not installed", "pip install 'steadygan[study]'") from None
    distances = torch.cdist(x.double(), y.double(), compute_mode="donot_use_mm_for_euclid_dist").cpu().numpy()
    return float(distances[linear_sum_assignment(distances)].mean())
