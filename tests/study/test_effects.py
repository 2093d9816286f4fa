"""How much better one arm is: closed forms, the sign, failures, and intervals by simulation."""

from math import inf, isnan

import numpy as np
import pytest
from scipy import stats

from steadygan.share import Share
from steadygan.study import effects
from steadygan.study.effects import MEASURES, deviation, difference_of_shares, probability_of_improvement

NAN = np.nan
GOOD, BAD = [[10.0, 11, 12, 13, 14]] * 2, [[1.0, 2, 3, 4, 5]] * 2


@pytest.mark.parametrize("measure", MEASURES)
def test_swapping_arms_turns_the_effect_round(scores, measure):
    a, b = scores([[5.0, 6, NAN, 8, 9]] * 2), scores([[1.0, 2, 3, NAN, 9]] * 2, "b")
    one, other = MEASURES[measure](a, b, 0), MEASURES[measure](b, a, 0)
    assert one.estimate.low <= one.estimate.value <= one.estimate.high
    assert one.test.p == other.test.p
    if measure != "relative":  # which divides by the second arm
        assert one.estimate.value - one.even == pytest.approx(other.even - other.estimate.value)
        assert one.estimate.low - one.even == pytest.approx(other.even - other.estimate.high)


@pytest.mark.parametrize("measure", MEASURES)
def test_metrics_that_go_down(scores, measure):
    """A is better where it is lower; failed cells count against it either way."""
    a = scores([[1.0, 1, 1, 1, 1]] * 2, higher=False)
    b = scores([[5.0, 9, 2, NAN, NAN]] * 2, "b", higher=False)
    found = MEASURES[measure](a, b, 0)
    assert found.estimate.value > found.even


@pytest.mark.parametrize("measure", MEASURES)
def test_an_arm_against_its_twin_is_even(scores, measure):
    found = MEASURES[measure](scores(GOOD), scores(GOOD, "b"), 0)
    assert found.estimate.value == found.even
    assert found.estimate.low <= found.even <= found.estimate.high
    assert found.test.p == 1.0


@pytest.mark.parametrize("measure", MEASURES)
def test_both_failed_shows_nothing(scores, measure):
    found = MEASURES[measure](scores(np.full((2, 5), NAN)), scores(np.full((2, 5), NAN), "b"), 0)
    assert found.test.p == 1.0
    assert isnan(found.estimate.value) or found.estimate.value == found.even
    assert not found.estimate.low > found.even
    if measure in ("difference", "relative"):
        assert (found.estimate.low, found.estimate.high) == (-inf, inf)


def test_difference_and_relative_by_hand(scores):
    up = effects.difference(scores(GOOD), scores(BAD, "b")).estimate
    assert up.value == pytest.approx(9.0)
    assert up.low == pytest.approx(9.0)  # the same seeds are drawn for both, and here each differs by 9
    half = effects.relative(scores([[2.0] * 5], higher=False), scores([[4.0] * 5], "b", higher=False)).estimate
    assert (half.low, half.value, half.high) == (0.5, 0.5, 0.5)
    assert effects.relative(scores([[0.0] * 5]), scores([[0.0] * 5], "b")).estimate.value == 0.0
    assert effects.relative(scores([[1.0] * 5]), scores([[0.0] * 5], "b")).estimate.value == inf
    assert effects.relative(scores([[1.0] * 5]), scores([[NAN] * 5], "b")).estimate.value == inf
    assert effects.relative(scores([[NAN] * 5]), scores([[1.0] * 5], "b")).estimate.value == -inf


def test_shares_by_hand(scores):
    a, b = scores([[1.0, 1, 1, 1, NAN]] * 2), scores([[NAN, NAN, NAN, 1, 1]] * 2, "b")
    found = effects.failures(a, b)
    assert found.estimate.value == pytest.approx(0.4)
    assert found.test.pairs == 8
    assert found.test.p == pytest.approx(stats.binomtest(2, 8).pvalue)  # McNemar's exact test
    assert effects.stability(a, b).estimate.value == pytest.approx(0.4)


def test_newcombes_interval_as_published():
    """56 of 70 against 48 of 80, Newcombe 1998, table II (a), method 10: 0.0524 to 0.3339; z of 1.96 moves the fifth digit."""
    found = difference_of_shares(Share(56, 70), Share(48, 80))
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    nothing = difference_of_shares(Share(0, 0), Share(1, 2))
    assert isnan(nothing.value)
    assert (nothing.low, nothing.high) == (-inf, inf)


def test_improvement_as_mann_whitney(scores):
    a, b = np.random.default_rng(0).integers(6, size=(2, 3, 5)).astype(float)  # with ties
    expected = np.mean([stats.mannwhitneyu(x, y).statistic / 25 for x, y in zip(a, b, strict=True)])
    assert probability_of_improvement(scores(a), scores(b, "b")).value == pytest.approx(expected)


def test_improvement_over_failures(scores):
    """A failure loses to any score and ties with another: of 9 pairs 3 are won, 2 * 2 tie a half, 2 are lost."""
    found = probability_of_improvement(scores([-5.0, NAN, NAN]), scores([NAN, NAN, NAN], "b"))
    assert found.value == pytest.approx((3 + 6 / 2) / 9)
    assert probability_of_improvement(scores([NAN]), scores([-1e9], "b")).value == 0.0


def test_improvement_interval_solves_its_equation(scores):
    a, b = np.random.default_rng(1).normal(size=(2, 2, 5))
    found = probability_of_improvement(scores(a), scores(b, "b"))
    for end in (found.low, found.high):
        assert abs(end - found.value) == pytest.approx(1.96 * deviation(end, (2, 5)), rel=1e-9)


def test_improvement_of_one_seed_is_wilsons_interval_of_one(scores):
    found = probability_of_improvement(scores([2.0]), scores([1.0], "b"))
    assert (found.low, found.high) == pytest.approx(Share(1, 1).interval)


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.5])
def test_improvement_intervals_hold_the_truth(scores, shift):
    """400 cases: at least 0.915, three standard errors below 0.95. The truth for two normals is Phi(shift / sqrt 2)."""
    rng, truth, hits = np.random.default_rng(5), stats.norm.cdf(shift / np.sqrt(2)), 0
    for _ in range(400):
        found = probability_of_improvement(scores(rng.normal(size=(2, 5)) + shift), scores(rng.normal(size=(2, 5)), "b"))
        hits += found.low <= truth <= found.high
    assert hits / 400 >= 0.915
