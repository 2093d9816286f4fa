"""One arm's statistics: closed forms, scipy, and cells that failed."""

from math import inf

import numpy as np
import pytest
from scipy import stats

from steadygan.errors import EvaluationError
from steadygan.share import Share
from steadygan.study.statistics import failure_rate, interquartile_mean, middle_mean, stability_region

NAN = np.nan


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 30])
def test_middle_mean_as_in_scipy(count):
    values = np.random.default_rng(count).normal(size=(3, count))
    np.testing.assert_allclose(middle_mean(values), stats.trim_mean(values, 0.25, axis=-1), rtol=1e-12)


def test_middle_mean_by_hand():
    assert middle_mean(np.array([100.0, 2.0, 1.0, 3.0, -50.0])) == 2.0


def test_metrics_that_go_down_are_the_mirror_image(scores):
    values = np.random.default_rng(0).normal(size=(2, 5))
    up, down = interquartile_mean(scores(values)), interquartile_mean(scores(-values, higher=False))
    assert (down.value, down.low, down.high) == (-up.value, -up.high, -up.low)


def test_a_quarter_of_failures_is_a_bad_quarter_and_more_is_a_failure(scores):
    some = interquartile_mean(scores([NAN, NAN, 1, 2, 3, 4, 5, 6], higher=False))
    assert some.value == 4.5  # of failed, failed, 6, 5 | 4 | 3 ...: cut two at each end, left are 6, 5, 4, 3
    assert some.high == inf
    assert interquartile_mean(scores([NAN, NAN, NAN, 1, 2, 3, 4, 5], higher=False)).value == inf
    assert interquartile_mean(scores([NAN, NAN, NAN, 1, 2, 3, 4, 5])).value == -inf


def test_a_failure_is_never_better_than_a_score(scores):
    """One cell that fails makes the mean worse, however bad its score had been."""
    bad, failed = [-1e9, 1, 2, 3, 4, 5], [NAN, 1, 2, 3, 4, 5]
    assert interquartile_mean(scores(failed)).value <= interquartile_mean(scores(bad)).value
    assert interquartile_mean(scores(failed)).low < interquartile_mean(scores(bad)).low


def test_all_failed_all_equal_and_one_seed(scores):
    failed = interquartile_mean(scores(np.full((2, 5), NAN)))
    assert (failed.value, failed.low, failed.high) == (-inf, -inf, -inf)
    assert failed.plain() == {"value": None, "low": None, "high": None}
    equal = interquartile_mean(scores(np.full((2, 5), 0.7)))
    assert equal.value == pytest.approx(0.7)
    assert equal.low == equal.high == equal.value
    one = interquartile_mean(scores([3.0], higher=False))
    assert (one.value, one.low, one.high) == (3.0, -inf, inf)


@pytest.mark.parametrize(("hits", "of"), [(0, 5), (1, 5), (5, 5), (7, 30)])
def test_wilson_as_in_scipy(hits, of):
    """Our z is 1.96, scipy's 1.959964: ends differ by less than 4e-5 times the half width."""
    found = stats.binomtest(hits, of).proportion_ci(method="wilson")
    assert Share(hits, of).interval == pytest.approx((found.low, found.high), abs=4e-5)


def test_failure_rate_counts_every_kind(scores):
    assert failure_rate(scores([[NAN, inf, 1], [-inf, 0, 2]])) == Share(3, 6)


def test_stability_region_by_hand(scores):
    assert stability_region(scores([[1.0, 0.8, 0.79], [0.9, NAN, 0.0]])) == Share(3, 6)
    assert stability_region(scores([[10.0, 12.0, 12.1], [11.0, NAN, 90.0]], higher=False)) == Share(3, 6)
    assert stability_region(scores([[10.0, 12.0, 12.1]], higher=False), within=0.5) == Share(3, 3)


def test_stability_region_at_its_ends(scores):
    assert stability_region(scores([NAN, NAN])) == Share(0, 2)
    assert stability_region(scores([4.0, 4.0])) == Share(2, 2)
    assert stability_region(scores([0.0, 0.0, 0.1], higher=False)) == Share(2, 3)


@pytest.mark.parametrize(("values", "higher"), [([-0.01, 0.2], False), ([-3.0, -2.0], True)])
def test_a_share_of_a_negative_best_is_refused(scores, values, higher):
    with pytest.raises(EvaluationError, match="is no distance; take a metric that is never negative"):
        stability_region(scores(values, higher=higher))
