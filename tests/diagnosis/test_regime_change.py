"""A series leaves its own range: what is said of it, and of the learning rates meanwhile."""

import numpy as np
import pytest

from steadygan.diagnosis import judge
from steadygan.diagnosis.regime_change import RegimeChange

CHANGE = 40  # the reading at which updates become three times shorter: step 2050


def changed(healthy, history, readings=44, **rates):
    """What the rule finds in a healthy run whose updates change, `rates` being (from, to, at which reading)."""
    series = {name: values[:readings] for name, values in healthy().items() if not name.startswith("learning_rate/")}
    random, time = np.random.default_rng(1), np.arange(readings)
    series["update_norm/discriminator"] = np.where(time < CHANGE, 0.03, 0.01) * np.exp(0.02 * random.standard_normal(readings))
    for player, (before, after, at) in rates.items():
        series[f"learning_rate/{player}"] = np.where(time < at, before, after)
    return RegimeChange().check(history(series))


def test_without_a_learning_rate_something_changed(healthy, history):
    assert changed(healthy, history, readings=CHANGE + 2) is None  # two readings may be chance
    found = changed(healthy, history)
    assert (found.verdict, found.severity, found.since) == ("REGIME-CHANGE", "info", 50 * (CHANGE + 3))
    assert found.reason.startswith("update_norm/discriminator went from about 0.0")
    assert found.reason.endswith("at step 2,150: something changed.")


@pytest.mark.parametrize("at", [CHANGE - 1, CHANGE, CHANGE + 2])
def test_a_learning_rate_that_changed_with_it_is_told(healthy, history, at):
    found = changed(healthy, history, discriminator=(2e-3, 2e-4, at), generator=(1e-3, 1e-3, at))
    assert found.reason.endswith(": the discriminator's learning rate fell from 0.002 to 0.0002 at the same time.")
    later = changed(healthy, history, readings=CHANGE + 8, discriminator=(2e-3, 2e-4, at))
    assert "fell from 0.002 to 0.0002" in later.reason  # as long as it is told at all


@pytest.mark.parametrize("at", [20, CHANGE - 2, CHANGE + 3])
def test_one_that_changed_at_another_time_is_not(healthy, history, at):
    for readings in (CHANGE + 4, CHANGE + 8):
        assert changed(healthy, history, readings, discriminator=(2e-3, 2e-4, at)).reason.endswith("something changed.")


def test_both_learning_rates_are_told_once_where_they_are_alike(healthy, history):
    alike = changed(healthy, history, discriminator=(1e-4, 2e-3, CHANGE), generator=(1e-4, 2e-3, CHANGE))
    assert alike.reason.endswith(": both learning rates rose from 0.0001 to 0.002 at the same time.")
    apart = changed(healthy, history, discriminator=(4e-3, 0.0, CHANGE), generator=(1e-4, 2e-3, CHANGE))
    said = "the discriminator's learning rate fell from 0.004 to 0 and the generator's learning rate rose from 0.0001 to 0.002"
    assert apart.reason.endswith(f": {said} at the same time.")


def test_a_slow_schedule_is_no_reason(healthy, history):
    """A straight line to its half over the run moves by 4% in the readings that count."""
    series = healthy()
    series["update_norm/discriminator"] = np.where(np.arange(60) < 56, 0.03, 0.01)
    (found,) = (one for one in judge(history(series)) if one.verdict == "REGIME-CHANGE")
    assert found.reason.endswith("something changed.")
