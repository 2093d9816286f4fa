from math import inf, nan

import pytest

from steadygan.study.measures import Measure, Traces, measured

SCORES = [{"step": 10, "q": 3.0}, {"step": 20, "q": 1.0}, {"step": 30, "q": 2.0}]
HISTORY = [
    {"step": 5, "sigma/D.a": 1.0, "sigma/D.b": -4.0, "sigma/G.a": 9.0},
    {"step": 15, "sigma/D.a": 2.0, "sigma/D.b": 0.5, "odd[0]": 7.0, "odd0": 8.0},
    {"step": 25, "other": 1.0},
]
COST = {"ms_per_step": 2.5, "cpu_seconds": 4.0}


def read(scores=SCORES, history=HISTORY, cost=COST, **measure):
    return measured(Measure(**measure), Traces(scores, history, cost))


@pytest.mark.parametrize(
    ("at", "higher", "value"),
    [("last", True, 2), ("best", True, 3), ("best", False, 1), ("mean", True, 2), ("largest", False, 3), ("smallest", True, 1)],
)
def test_which_of_the_readings_counts(at, higher, value):
    assert read(of="score/q", at=at, higher_is_better=higher) == value


@pytest.mark.parametrize(("after", "value"), [(0, 3), (9, 3), (10, 2), (29, 2), (30, None)])
def test_readings_up_to_a_step_do_not_count(after, value):
    assert read(of="score/q", at="largest", after=after) == value


@pytest.mark.parametrize(
    ("changes", "value"),
    [
        ({"reach": 2.5}, 10),
        ({"reach": 3.0}, 10),
        ({"reach": 3.1}, None),
        ({"reach": 1.0, "rising": False}, 20),
        ({"reach": 0.9, "rising": False}, None),
        ({"reach": 1.5, "after": 10}, 30),
        ({"reach": 2.5, "fails_above": 9}, None),
    ],
)
def test_the_step_at_which_a_goal_is_first_reached_and_none_where_it_never_is(changes, value):
    assert read(of="score/q", at="step", **changes) == value


def test_a_goal_in_seconds_is_its_step_at_the_time_a_step_takes():
    assert read(of="score/q", at="second", reach=1.0, rising=False) == 20 * 2.5 / 1000
    assert read(of="score/q", at="second", reach=1.0, cost={}) is None


def test_a_star_takes_the_largest_in_size_at_each_reading():
    assert read(of="history/sigma/D.*", at="largest") == 2  # -4 at the first reading is the largest in size, and has a sign
    assert read(of="history/sigma/D.*", at="smallest") == -4
    assert read(of="history/*/?.a") is None  # nothing but the star is a pattern


def test_a_name_with_brackets_is_that_name():
    assert read(of="history/odd[0]") == 7


@pytest.mark.parametrize("of", ["score/modes", "score/Q", "history/sigma", "cost/seconds"])
def test_a_series_that_is_not_there_is_a_failure(of):
    assert read(of=of) is None


def test_a_cost_is_read_by_name():
    assert read(of="cost/ms_per_step") == 2.5


@pytest.mark.parametrize("gap", [nan, inf, -inf, None, "text"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_reading_that_is_no_number_fails_all_but_the_best_and_what_comes_later(gap, place):
    rows = [{**row, "q": gap} if number == place else row for number, row in enumerate(SCORES)]
    assert all(read(rows, of="score/q", at=at) is None for at in ("mean", "largest", "smallest"))
    assert read(rows, of="score/q", at="best") == (1 if place != 1 else 2)
    assert read(rows, of="score/q") == (None if place == 2 else 2)


@pytest.mark.parametrize("order", [1, -1])
def test_no_number_among_those_of_a_star_is_never_passed_over(order):
    row = dict([("a/1", 1.0), ("a/2", nan)][::order])
    assert read(history=[{"step": 1, **row}], of="history/a/*") is None


def test_a_goal_is_not_reached_by_what_is_no_number():
    assert read([{"step": 1, "q": nan}, {"step": 2, "q": 5.0}], of="score/q", at="step", reach=1) == 2


@pytest.mark.parametrize(("low", "high", "value"), [(2, 2, 2), (2.1, None, None), (None, 1.9, None), (1, 3, 2)])
def test_beyond_its_limits_a_cell_has_failed(low, high, value):
    assert read(of="score/q", fails_below=low, fails_above=high) == value


def test_no_readings_at_all_are_a_failure():
    assert all(read([], of="score/q", at=at) is None for at in ("last", "best", "mean", "largest", "smallest"))


def test_what_is_read_from_a_clock_is_not_expected_again():
    assert Measure(of="score/q").repeats
    assert Measure(of="score/q", at="step", reach=1).repeats
    assert not Measure(of="score/q", at="second", reach=1).repeats
    assert not Measure(of="cost/seconds").repeats
