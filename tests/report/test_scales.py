import numpy as np
import pytest

from steadygan.report.scales import Scale, round_numbers, thinned, value_scale


@pytest.mark.parametrize(("low", "high"), [(0, 2000), (-0.7, 0.8), (1e-9, 3e-9), (0.93, 1.07), (-5e6, 2e7), (0, 1)])
def test_ticks_are_round_within_and_not_many(low, high):
    ticks = Scale(low, high, 0, 1).ticks()
    assert 2 <= len(ticks) <= 6
    assert all(low <= tick <= high for tick in ticks)
    assert all(float(f"{tick:.3g}") == pytest.approx(tick, rel=1e-9) for tick in ticks)  # three digits say it all


def test_round_numbers_cover_the_range():
    numbers = round_numbers(0.93, 1.07, 8)
    assert numbers[0] <= 0.93
    assert numbers[-1] >= 1.07
    assert 1.0 in numbers


@pytest.mark.parametrize("scale", [Scale(-3, 5, 100, 0), Scale(1e-3, 1e3, 0, 7, log=True), Scale(-1e5, 40, 9, 2, unit=0.5)])
def test_a_scale_is_monotone_and_ends_at_its_ends(scale):
    values = np.linspace(scale.low, scale.high, 50)
    pixels = [scale(value) for value in values]
    assert pixels[0] == pytest.approx(scale.start)
    assert pixels[-1] == pytest.approx(scale.end)
    assert np.all(np.diff(pixels) * np.sign(scale.end - scale.start) > 0)
    assert scale(scale.high * 10 + 1) == scale(scale.high)
    assert scale(scale.low * 10 - 1) == scale(scale.low)


def test_on_a_logarithmic_scale_equal_ratios_are_equal_lengths():
    scale = Scale(1, 1000, 0, 30, log=True)
    assert [scale(value) for value in (1, 10, 100, 1000)] == pytest.approx([0, 10, 20, 30])


def test_positive_values_over_two_decades_get_ratios():
    scale = value_scale([np.array([0.01, 50.0])], 0, 1)
    assert scale.log
    assert set(scale.ticks()) >= {0.1, 1.0, 10.0}
    assert not value_scale([np.array([0.5, 40.0])], 0, 1).log


def test_a_floor_near_zero_does_not_take_the_place_of_the_curve():
    falling = np.array([25.0, 13.0, 9.0])
    scale = value_scale([falling], 0, 1, levels=[0.01])
    assert not scale.log
    assert scale.low < 0.01
    steep = value_scale([falling, falling / 100], 0, 1, levels=[1e-9])
    assert steep.log
    assert steep.low > 0.01


def test_a_runaway_of_both_signs_leaves_the_healthy_part_to_be_seen():
    healthy = np.array([0.4, -0.3, 0.5, -0.4] * 10)
    scale = value_scale([np.r_[healthy, -1e6]], 0, 100)
    assert abs(scale(0.5) - scale(-0.4)) > 3  # of 100 pixels; on a linear scale 0.0001
    assert 0.0 in scale.ticks()
    assert {-1e5, -1e3, -10.0} <= set(scale.ticks())


@pytest.mark.parametrize("values", [[], [np.nan], [2.0], [0.0, 0.0], [1e-300], [1e300, -1e300]])
def test_any_values_have_a_scale(values):
    scale = value_scale([np.array(values)], 0, 1)
    assert scale.low < scale.high
    assert all(np.isfinite(scale(value)) for value in scale.ticks())


def test_bounds_are_always_inside():
    scale = value_scale([np.array([0.7, 0.8])], 0, 1, bounds=(0.4, 1.0))
    assert (scale.low, scale.high) == (0.4, 1.0)
    assert value_scale([np.array([1.7])], 0, 1, bounds=(0.0, 1.1)).high == 1.7


def test_thinning_keeps_ends_spikes_and_gaps():
    steps, values = np.arange(10_000.0), np.sin(np.arange(10_000.0) / 500)
    values[1234], values[4321], values[7777] = 9.0, -9.0, np.nan
    few_steps, few = thinned(steps, values)
    assert len(few) <= 400
    assert {0.0, 1234.0, 4321.0, 7777.0, 9999.0} <= set(few_steps)
    assert np.nanmax(few) == 9.0
    assert np.nanmin(few) == -9.0
    assert np.isnan(few).sum() == 1
    assert np.all(np.diff(few_steps) > 0)


def test_a_short_curve_is_not_thinned():
    steps = np.arange(400.0)
    assert thinned(steps, steps)[0] is steps
