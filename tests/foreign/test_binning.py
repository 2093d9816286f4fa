"""Readings as far apart as the judge is used to, and the swing of a gap that was logged at every step."""

import math

import numpy as np
import pytest

from steadygan.foreign import binning
from steadygan.foreign.binning import Bins, both_sides
from steadygan.monitoring.wobble import swing

STEPS = np.arange(1000.0)


def test_readings_of_every_step_become_means_over_fifty():
    history = Bins({"a": (STEPS, STEPS)}, per_step=True).history()
    assert history.steps().tolist() == list(range(49, 1000, 50))
    np.testing.assert_allclose(history["a"], STEPS.reshape(-1, 50).mean(1))


def test_readings_further_apart_stay_as_they_are():
    history = Bins({"a": (50 * STEPS, STEPS)}, per_step=True).history()
    assert history["a"].tolist() == STEPS.tolist()
    assert Bins({"a": (STEPS, STEPS)}, per_step=False).history()["a"].tolist() == STEPS.tolist()


@pytest.mark.parametrize(("n", "width"), [(300, 1), (4000, 10), (100_000, 50)])
def test_rows_of_unknown_spacing_are_joined_only_where_there_are_many(n, width):
    bins = Bins({"a": (np.arange(float(n)), np.zeros(n))}, per_step=False, rows=True)
    assert bins.width == width
    assert len(bins) == n // width


@pytest.mark.parametrize(("extra", "readings"), [(10, 2), (25, 2), (26, 3), (49, 3)])
def test_what_is_left_at_the_end_joins_the_last_one_or_is_one(extra, readings):
    steps = np.arange(100.0 + extra)
    history = Bins({"a": (steps, steps)}, per_step=True).history()
    assert len(history) == readings
    assert history.steps()[-1] == steps[-1]


def test_series_with_steps_of_their_own_share_the_time_line():
    series = {"a": (STEPS, STEPS), "b": (np.array([7.0, 500.0]), np.array([1.0, 2.0])), "c": (np.empty(0), np.empty(0))}
    history = Bins(series, per_step=True).history()
    assert history.steps("b").tolist() == [49, 549]
    assert "c" not in history


def test_a_stray_nan_is_passed_over_and_one_that_stays_is_seen():
    values = np.ones(1000)
    values[10] = math.nan
    values[970:] = math.inf
    found = Bins({"a": (STEPS, values)}, per_step=True).history()["a"]
    assert found[0] == 1
    assert found[-1] == math.inf
    assert np.isfinite(found[:-1]).all()


def test_no_more_readings_than_the_limit(monkeypatch):
    monkeypatch.setattr(binning, "LIMIT", 100)
    bins = Bins({"a": (60 * STEPS, STEPS)}, per_step=True)
    assert len(bins) == 100
    assert bins.width == 600


def test_of_nothing_comes_nothing():
    assert len(Bins({}, per_step=True).history()) == 0


def test_the_swing_is_that_of_the_monitor():
    gap = np.random.default_rng(0).standard_normal(1000) + 0.01 * STEPS
    history = Bins({"gap/logits": (STEPS, gap)}, per_step=True).history()
    np.testing.assert_allclose(history["gap/swing"], [swing(part) for part in gap.reshape(-1, 50)])
    np.testing.assert_allclose(history["gap/mean"], gap.reshape(-1, 50).mean(1))
    np.testing.assert_allclose(history["wobble/logits"], history["gap/swing"] / history["gap/chance"])


def test_a_game_at_rest_has_a_wobble_of_one_and_one_that_swings_more():
    noise = np.random.default_rng(0).standard_normal(10_000)
    steps = np.arange(10_000.0)
    at_rest = Bins({"gap/logits": (steps, noise)}, per_step=True).history()["wobble/logits"]
    # Each of 200 readings spreads by about 1 / sqrt(2 * 50) = 0.1 about 1, their mean by 0.01.
    assert at_rest.mean() == pytest.approx(1, abs=0.04)
    swinging = Bins({"gap/logits": (steps, noise + 5 * np.sin(steps / 8))}, per_step=True).history()["wobble/logits"]
    true = np.sqrt(1 + 25 / 2)  # the noise and the sine, in units of the noise
    assert 2.5 < swinging.mean() < true


@pytest.mark.parametrize("spoil", [lambda s, g: (10 * s, g), lambda s, g: (s, 0 * g), lambda s, g: (s, g * math.nan)])
def test_without_every_step_or_any_chance_there_is_no_swing(spoil):
    gap = np.random.default_rng(0).standard_normal(1000)
    history = Bins({"gap/logits": spoil(STEPS, gap), "a": (STEPS, STEPS)}, per_step=True).history()
    assert not history.names("gap/swing")


def test_what_follows_from_both_sides_is_not_made_up_where_it_was_logged():
    real, fake = (np.array([1.0, 2, 3]), np.array([5.0, 6, 7])), (np.array([2.0, 3, 4]), np.array([1.0, 2, 3]))
    found = both_sides({"logit/real": real, "logit/fake": fake})
    assert [part.tolist() for part in found["gap/logits"]] == [[2, 3], [5, 5]]
    assert both_sides({"logit/real": real, "logit/fake": fake, "gap/logits": real}) == {}
    zero = real[0], 0 * real[1]
    assert not np.isfinite(both_sides({"logit_std/real": zero, "logit_std/fake": real})["dispersion/logits"][1]).any()
