"""The alarm of the fused judge: soon where the sickness is great, later where it is slight, never of a single odd reading."""

from math import exp

import numpy as np
import pytest

from steadygan.diagnosis.course import Course
from steadygan.diagnosis.fused import alarm, tiers
from steadygan.history import History

STABLE = {"gap/mean": 0.2, "gap/swing": 0.1, "gap/chance": 0.1, "dispersion/logits": 1.0, "wobble/logits": 1.0}


def run(bad: dict[str, float], since: int, until: int = 60, every: int = 50, length: int = 60) -> History:
    """Logits at rest, but for the readings from `since` to before `until`."""
    return History({"step": every * (i + 1), **STABLE, **(bad if since <= i < until else {})} for i in range(length))


def first(history: History) -> int | None:
    """The reading of the first alarm."""
    found = np.flatnonzero(alarm(Course(history)))
    return int(found[0]) if len(found) else None


def test_a_run_at_rest_raises_no_alarm():
    assert first(run({}, 60)) is None


def test_a_great_sickness_is_told_at_its_first_reading():
    assert first(run({"gap/swing": 1.0, "dispersion/logits": 0.1}, 30)) == 30


def slightly() -> dict[str, float]:
    """A wobble that is 0.4 above the threshold of the tier that sees logits alone."""
    logits = tiers()[-1]
    return {"gap/swing": 0.1 * exp((logits.warning + 0.4 - logits.bias) / logits.weights["wobble"])}


def test_a_slight_one_is_told_when_it_lasts():
    slight = slightly()
    assert first(run(slight, 30, 32)) is None
    assert 32 <= first(run(slight, 30)) <= 40


def test_an_alarm_ends_when_the_run_is_calm_again():
    standing = alarm(Course(run({"gap/swing": 1.0, "dispersion/logits": 0.1}, 30, 35)))
    assert standing[30:35].all()
    assert not standing[43:].any()  # a window and three readings later


def test_the_start_of_a_run_is_its_own_to_find():
    standing = alarm(Course(run({"gap/swing": 1.0, "dispersion/logits": 0.1}, 0)))
    assert not standing[:15].any()
    assert standing[16:].all()


def test_the_cadence_of_readings_hardly_moves_an_alarm():
    slight = slightly()
    seldom = first(run(slight, 30))
    often = first(run(slight, 300, 600, every=5, length=600))
    assert often / 10 == pytest.approx(seldom, abs=1.5)


def test_readings_that_are_no_numbers_leave_an_alarm_where_it_was():
    gap = {"gap/swing": np.nan, "dispersion/logits": np.inf}
    assert first(run(gap, 30, 40)) is None


@pytest.mark.parametrize("tier", tiers(), ids=lambda tier: tier.name)
def test_a_tier_is_surer_the_more_it_sees(tier):
    sums, shares = zip(*tier.precision, strict=True)
    assert list(sums) == sorted(sums)
    assert list(shares) == sorted(shares)
    assert tier.confidence(tier.warning - 1) == 0
    assert 0.5 < tier.confidence(tier.failure) <= tier.confidence(tier.failure + 5) < 1
