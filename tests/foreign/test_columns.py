"""Columns mend what comes in, and do not grow with it."""

import numpy as np
import pytest

from steadygan.foreign import columns as module
from steadygan.foreign.columns import Column, Columns, StartsOver, mean_of


def filled(*parts, **options):
    column = Column(**options)
    for steps, values in parts:
        column.add(np.array(steps, float), np.array(values, float))
    return column


def test_readings_come_back_in_order():
    steps, values = filled(([1, 2], [10, 20]), ([3], [30])).read()
    assert steps.tolist() == [1, 2, 3]
    assert values.tolist() == [10, 20, 30]


def test_a_resume_overrides_what_lies_after_it():
    steps, values = filled(([1, 2, 3, 4], [1, 1, 1, 1]), ([3, 4, 5], [2, 2, 2])).read()
    assert steps.tolist() == [1, 2, 3, 4, 5]
    assert values.tolist() == [1, 1, 2, 2, 2]


def test_a_resume_within_one_block_and_to_before_the_start():
    steps, values = filled(([5, 6, 7, 6, 8], [1, 1, 1, 2, 2]), ([1, 2], [3, 3])).read()
    assert steps.tolist() == [1, 2]
    assert values.tolist() == [3, 3]


def test_the_last_of_several_readings_of_a_step_counts():
    column = filled(([1, 1, 2, 2], [1, 2, 3, 4]), ([2, 3], [5, 6]))
    assert column.read()[1].tolist() == [2, 5, 6]
    assert column.again == 3


def test_unordered_steps_are_sorted():
    steps, values = filled(([3, 1, 2, 1], [30, 1, 20, 10]), sort=True).read()
    assert steps.tolist() == [1, 2, 3]
    assert values.tolist() == [10, 20, 30]


def test_counters_that_start_over_are_no_steps():
    with pytest.raises(StartsOver):
        filled(*[(range(100), [0.0] * 100)] * 4)
    filled(*[(range(100 + i), [0.0] * (100 + i)) for i in range(6)])  # runs of different length: each overrides the last


def test_an_epoch_with_many_readings_is_no_step():
    with pytest.raises(StartsOver):
        filled((np.repeat(np.arange(10), 100), np.zeros(1000)))


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_many_readings_are_joined_evenly_by_their_means(monkeypatch, block):
    monkeypatch.setattr(module, "KEPT", 64)
    column = Column()
    every = np.arange(1.0, 1001)
    for start in range(0, 1000, block):
        column.add(every[start : start + block], 2 * every[start : start + block])
    steps, values = column.read()
    width = column.width
    assert width == 16  # the least power of two with 1000 / width <= 64
    assert len(steps) == 63
    whole = 1000 // width * width
    np.testing.assert_array_equal(steps[:-1], every[width - 1 : whole : width])
    np.testing.assert_allclose(values[:-1], 2 * every[:whole].reshape(-1, width).mean(1), rtol=1e-15 * width)
    assert values[-1] == pytest.approx(2 * every[whole:].mean())
    assert steps[-1] == 1000


def test_going_back_after_joining(monkeypatch):
    monkeypatch.setattr(module, "KEPT", 64)
    column = filled((range(1000), np.zeros(1000)), (range(500, 600), np.ones(100)))
    steps, values = column.read()
    assert (np.diff(steps) > 0).all()
    assert steps[-1] == 599
    assert set(values[steps < 490]) == {0.0}
    assert set(values[steps > 520]) == {1.0}


def test_the_mean_of_what_is_finite_but_a_broken_end_stays():
    nan, inf = np.nan, np.inf
    values = np.array([[1.0, 3.0], [nan, 3.0], [inf, 3.0], [1.0, nan], [1.0, inf], [nan, nan]])
    np.testing.assert_array_equal(mean_of(values), [2, 3, 3, nan, inf, nan])


def test_only_what_is_wanted_is_kept():
    columns = Columns(lambda name: name == "a", prefix="run - ")
    for name in ("run - a", "run - b", "other - a"):
        columns.add(name, np.array([1.0]), np.array([2.0]))
    assert list(columns) == ["a"]
    assert list(columns.others) == ["b"]
