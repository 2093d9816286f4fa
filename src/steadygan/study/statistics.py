"""What one arm of a study is worth: its typical score, how often it fails, how much of the ground it holds."""

import numpy as np

from steadygan.errors import EvaluationError
from steadygan.share import Share
from steadygan.study.bootstrap import Estimate, bootstrap
from steadygan.study.scores import Flags, Floats, Scores

WITHIN = 0.2  # of the arm's best score


def middle_mean(goodness: Floats) -> Floats:
    """Mean of what is left when a quarter, rounded down, is cut from each end: [..., N] -> [...]."""
    count = goodness.shape[-1]
    cut = count // 4
    return np.asarray(np.sort(goodness, axis=-1)[..., cut : count - cut].mean(axis=-1))


def interquartile_mean(scores: Scores, seed: int = 0) -> Estimate:
    """Mean of the middle half of all cells, in the metric's own units. Agarwal et al. 2021, arXiv:2108.13264.

    Failed cells are the worst of all: up to a quarter of them is cut away like any bad quarter, with more the mean itself is
    a failure, infinitely bad.

    >>> print(interquartile_mean(Scores.gather("r1", {("a", seed): float(seed) for seed in range(8)}, True)).value)
    3.5
    """
    found = bootstrap(middle_mean, [scores.goodness], seed)
    if scores.higher_is_better:
        return found
    return Estimate(-found.value, -found.high, -found.low)


def failure_rate(scores: Scores) -> Share:
    """Share of the cells that failed; its interval is Wilson's, which takes cells for draws from one urn.

    Settings that differ make the rate over these settings vary less from seed to seed than one urn would: never too short.
    """
    return share_of(scores.failed)


def stability_region(scores: Scores, within: float = WITHIN) -> Share:
    """Share of the cells that score within 20% of the arm's own best cell. Failed cells count against it.

    The best is taken as it was found. Where it is 0 and lower is better, only cells at 0 are within. It says nothing about how
    good that best is: an arm that is equally bad everywhere holds all of its ground.

    Raises:
        EvaluationError: the best score is negative, and a share of it means nothing.
    """
    return share_of(stable(scores, within))


def stable(scores: Scores, within: float = WITHIN) -> Flags:
    """Which cells score within a share of the arm's best one: [C, S]."""
    goodness = scores.goodness
    best = goodness.max()
    if np.isneginf(best):
        return np.zeros(goodness.shape, dtype=bool)
    score = best if scores.higher_is_better else -best
    if score < 0:
        problem = f"study: the best score of arm {scores.arm!r} is {score:.3g}, and {within:.0%} of that is no distance"
        raise EvaluationError(problem, "take a metric that is never negative")
    return np.asarray(goodness >= best - within * abs(best))


def share_of(flags: Flags) -> Share:
    """The share of cells that are true: [C, S]."""
    return Share(int(flags.sum()), int(flags.size))
