import numpy as np
import pytest

from steadygan.diagnosis.readings import finite, newest_step, significant, sustained
from steadygan.history import History


def test_missing_and_broken_values_are_left_out():
    records = [{"step": 1, "a": 1.0}, {"step": 2, "a": float("nan")}, {"step": 3}, {"step": 4, "a": 2.0}]
    steps, values = finite(History(records), "a")
    assert steps.tolist() == [1, 4]
    assert values.tolist() == [1.0, 2.0]
    assert newest_step(History(records)) == 4
    assert newest_step(History()) == 0


def test_sustained_is_the_rolling_median():
    assert sustained(np.array([5.0, 1.0, 2.0, 9.0, 3.0])).tolist() == [2.0, 2.0, 3.0]
    assert sustained(np.array([1.0, 2.0])).size == 0


@pytest.mark.parametrize(
    ("value", "text"),
    [(2e-5, "0.00002"), (0.00015, "0.00015"), (1e-4 / 3, "0.000033"), (0.1, "0.1"), (30.0, "30"), (1e-9, "1e-09")],
)
def test_learning_rates_read_as_people_write_them(value, text):
    assert significant(value) == text
