import numpy as np
import pytest

from steadygan.diagnosis.course import Course, lasting, mean, median, so_far, windows
from steadygan.diagnosis.features import FEATURES
from steadygan.diagnosis.fused import alarm, margin
from steadygan.diagnosis.judge import DEFAULT_RULES
from steadygan.diagnosis.state import StateRule
from steadygan.history import History

STATE_RULES = [rule for rule in DEFAULT_RULES if isinstance(rule, StateRule)]
NAMES = (
    *("gap/mean", "gap/swing", "gap/chance", "wobble/logits", "update_coherence/discriminator", "dispersion/logits"),
    *("ema/sample_gap", "diversity/pairwise_ratio", "cells/js", "cells/js_floor", "cells/churn", "cells/churn_floor"),
    *("coverage/cells", "coverage/cells_floor", "coverage/recall", "coverage/recall_floor", "auc/discriminator", "sigma/D.a"),
    *("sigma_error/max", "sigma_error/D.a", "logit/real", "logit/fake", "logit/held_out", "logit_std/real", "cells/js_live"),
    *("cells/js_live_floor", "update_norm/discriminator", "update_norm/generator", "weight_norm/discriminator"),
    *("weight_norm/generator", "learning_rate/discriminator", "grad_norm/generator", "grad_norm/discriminator"),
)


@pytest.fixture
def wild() -> History:
    """Every series a random walk with holes: calm, alarm and all the rest come and go."""
    random = np.random.default_rng(0)
    walks = np.exp(np.cumsum(random.normal(0, 0.3, (70, len(NAMES))), 0) - 1)
    holes = random.random(walks.shape) < 0.1
    rows = [
        {n: float(v) for n, v, hole in zip(NAMES, row, gone, strict=True) if not hole}
        for row, gone in zip(walks, holes, strict=True)
    ]
    return History({"step": 50 * (i + 1), **row} for i, row in enumerate(rows))


@pytest.mark.parametrize("length", [1, 3, 17, 40, 69])
def test_nothing_looks_ahead(wild, length):
    """A judgement of a whole history says of each step what a judgement at that step said."""
    whole, part = Course(wild), Course(wild.until(50 * length))
    assert len(part) == length
    for name, make in FEATURES.items():
        np.testing.assert_array_equal(part.made(make), whole.made(make)[:length], err_msg=name)
    np.testing.assert_array_equal(margin(part), margin(whole)[:length])
    for rule in STATE_RULES:
        np.testing.assert_array_equal(rule.holds(part), rule.holds(whole)[:length], err_msg=rule.name)


def test_the_wild_history_is_no_empty_test(wild):
    course = Course(wild)
    assert alarm(course).any()
    assert not alarm(course).all()
    assert sum(rule.holds(course).any() for rule in STATE_RULES) >= 3


def test_windows_look_back_and_forget():
    np.testing.assert_array_equal(windows(np.arange(3.0), 2), [[np.nan, 0], [0, 1], [1, 2]])
    holed = windows(np.array([1.0, np.nan, 5.0]), 3)
    np.testing.assert_array_equal(mean(holed), [1, 1, 3])
    np.testing.assert_array_equal(median(holed), [1, 1, 3])
    assert np.isnan(mean(windows(np.array([np.nan]), 2))).all()
    np.testing.assert_array_equal(so_far(np.array([np.nan, 3.0, 1.0, 2.0]), np.fmin), [np.nan, 3, 1, 1])


def test_a_state_takes_as_many_readings_to_end_as_to_begin():
    bad = np.array([1, 0, 1, 1, 1, 0, 0, 1, 0, 0, 0, 1], dtype=bool)
    assert lasting(bad, 3).tolist() == [False] * 4 + [True] * 6 + [False] * 2


def test_a_window_reaches_back_as_many_steps_whatever_the_cadence():
    def course(every: int) -> Course:
        return Course(History({"step": every * (i + 1), "a": 1.0} for i in range(20)))

    assert (course(10).readings, course(50).readings, course(500).readings) == (20, 4, 4)
