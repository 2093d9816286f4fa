"""By how much one arm is better than another: five measures of it, each with a 95% interval and a paired test."""

from collections.abc import Callable
from dataclasses import dataclass
from math import hypot, inf, sqrt

import numpy as np

from steadygan.share import Share, Z
from steadygan.study.bootstrap import Estimate, bootstrap
from steadygan.study.scores import Flags, Floats, Scores, check_paired
from steadygan.study.significance import PairedTest, paired_test, sign_flip
from steadygan.study.statistics import middle_mean, share_of, stable


@dataclass(frozen=True)
class Effect:
    """How much better A is than B, whichever way the metric goes. `even` is the value at which they are alike."""

    estimate: Estimate
    even: float
    test: PairedTest


def difference(a: Scores, b: Scores, seed: int = 0) -> Effect:
    """Interquartile mean of A over that of B, in the metric's own units. NaN where both are failures."""
    check_paired(a, b)
    return Effect(bootstrap(lead, [a.goodness, b.goodness], seed), 0.0, paired_test(a, b, seed))


def relative(a: Scores, b: Scores, seed: int = 0) -> Effect:
    """The difference as a share of B's interquartile mean: 0.5 where A takes half of B's time, or scores 1.5 of its."""
    check_paired(a, b)
    return Effect(bootstrap(relative_lead, [a.goodness, b.goodness], seed), 0.0, paired_test(a, b, seed))


def improvement(a: Scores, b: Scores, seed: int = 0) -> Effect:
    """Probability that a run of A beats one of B at the same setting. Agarwal et al. 2021, arXiv:2108.13264."""
    return Effect(probability_of_improvement(a, b), 0.5, paired_test(a, b, seed))


def failures(a: Scores, b: Scores, seed: int = 0) -> Effect:
    """Failure rate of B less that of A."""
    check_paired(a, b)
    return shares(~a.failed, ~b.failed, seed)


def stability(a: Scores, b: Scores, seed: int = 0) -> Effect:
    """Stability region of A less that of B, each measured by its own best."""
    check_paired(a, b)
    return shares(stable(a), stable(b), seed)


MEASURES: dict[str, Callable[[Scores, Scores, int], Effect]] = {
    "difference": difference,
    "relative": relative,
    "improvement": improvement,
    "failures": failures,
    "stability": stability,
}


def lead(a: Floats, b: Floats) -> Floats:
    """Middle mean of A less that of B, NaN where both are failures: [..., N], [..., N] -> [...]."""
    with np.errstate(invalid="ignore"):
        return np.asarray(middle_mean(a) - middle_mean(b))


def relative_lead(a: Floats, b: Floats) -> Floats:
    """The lead over the size of B's middle mean; infinite where B fails or is 0 and A differs: [..., N], [..., N] -> [...]."""
    gap, size = lead(a, b), np.abs(middle_mean(b))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(np.isfinite(gap) & (gap != 0), gap / size, gap)


def shares(a: Flags, b: Flags, seed: int) -> Effect:
    """Share of good cells of A less that of B: [C, S], [C, S]. The test is McNemar's: only cells where they differ count."""
    test = sign_flip(a.ravel().astype(np.float64) - b.ravel(), seed)
    return Effect(difference_of_shares(share_of(a), share_of(b)), 0.0, test)


def difference_of_shares(a: Share, b: Share) -> Estimate:
    """A - B with the interval that two Wilson intervals make. Newcombe 1998, Statistics in Medicine 17, method 10."""
    if a.value is None or b.value is None or a.interval is None or b.interval is None:
        return Estimate(float("nan"), -inf, inf)
    gap, ((a_low, a_high), (b_low, b_high)) = a.value - b.value, (a.interval, b.interval)
    low = gap - hypot(a.value - a_low, b_high - b.value)
    return Estimate(gap, low, gap + hypot(a_high - a.value, b.value - b_low))


def probability_of_improvement(a: Scores, b: Scores) -> Estimate:
    """Share of all pairs of runs at the same setting that A wins, ties a half, in 0..1; a failure loses to any score.

    The interval solves |found - p| = z sd(p), Newcombe 2006, Statistics in Medicine 25, method 5, for the mean over settings.
    What we do differently from Agarwal et al.: their bootstrap interval has no length where A won each time, even of two.
    """
    check_paired(a, b)
    ours, theirs = a.goodness[:, :, None], b.goodness[:, None, :]
    found = float(((ours > theirs) + (ours == theirs) / 2).mean())
    return Estimate(found, score_end(found, 0.0, a.values.shape), score_end(found, 1.0, a.values.shape))


def score_end(found: float, side: float, shape: tuple[int, ...]) -> float:
    """The p between `found` and `side` that lies z standard deviations from what was found, by halving."""
    inside, outside = found, side
    for _ in range(60):
        middle = (inside + outside) / 2
        reached = abs(found - middle) > Z * deviation(middle, shape)
        inside, outside = (inside, middle) if reached else (middle, outside)
    return inside


def deviation(p: float, shape: tuple[int, ...]) -> float:
    """Standard deviation of the share of pairs won, S against S runs at each of C settings. Hanley & McNeil 1982."""
    settings, seeds = shape
    variance = p * (1 - p) * (1 + (seeds - 1) * ((1 - p) / (2 - p) + p / (1 + p))) / seeds**2
    return sqrt(variance / settings)
