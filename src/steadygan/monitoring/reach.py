"""Reach: how much of the data lies within reach of the fakes, by nearest neighbours."""

import numpy as np
import torch
from torch import Tensor

from steadygan.monitoring.partition import squared_distances

K = 5  # the neighbour that a ball reaches to, not counting the sample itself


def reach(real: Tensor, fake: Tensor) -> dict[str, float]:
    """Recall and coverage, in 0..1: [N, F], [N, F] float64 -> by name.

    Recall: reals inside some fake's ball (Kynkaanniemi et al. 2019, arXiv:1904.06991). Coverage: reals with a fake in their
    own ball (Naeem et al. 2020, arXiv:2002.09797). Balls reach to the fifth neighbour on the same side, in both: the first
    paper takes the third. Both numbers grow with N and are not 1 for real against real.
    """
    centre = real.mean(0)  # distances do not change, and lose less to rounding
    real, fake = real - centre, fake - centre
    between = squared_distances(real, fake)
    recalled = (between <= radii(fake)).any(1)
    covered = between.amin(1) <= radii(real)
    return {"recall": recalled.double().mean().item(), "coverage": covered.double().mean().item()}


def radii(x: Tensor) -> Tensor:
    """Squared distance of each sample to its `K`-th neighbour among the others: [N, F] -> [N]."""
    return torch.from_numpy(np.partition(squared_distances(x, x).numpy(), K, axis=1)[:, K])  # a fifth of the time of topk


def floor(blocks: Tensor) -> dict[str, float]:
    """What real against real gives: the mean over all blocks held against the first: [B, N, F] -> by name."""
    found = [reach(blocks[0], other) for other in blocks[1:]]
    return {name: sum(one[name] for one in found) / len(found) for name in found[0]}
