import random

import pytest

from steadygan.errors import UsageError
from steadygan.study import comparison
from steadygan.study.comparison import ARMS, PLAN, Price, affordable, seconds_of, seeds_for, study_of
from steadygan.study.conclusion import conclude
from steadygan.study.result import Result
from steadygan.study.table import Table


def concluded(arms, kid):
    """What is concluded of so many arms; `kid(arm, seed)` is the score of a cell, None where it failed."""
    study = study_of("ring", list(ARMS)[:arms], 300).with_(metrics={"kid": {"of": "score/kid"}})
    results = (
        Result(arm=arm, setting="as-is", seed=seed, state="finished", values={"kid": kid(arm, seed)})
        for arm in study.arms
        for seed in study.seeds
    )
    return conclude(Table.of(study, {result.cell: result for result in results}))


@pytest.mark.parametrize("arms", [2, 3, 4, 5, 6])
def test_its_seeds_are_enough_to_show_that_an_arm_is_better(arms):
    other = list(ARMS)[arms - 1]
    found = concluded(arms, lambda arm, seed: 1.0 + 0.01 * seed - 0.5 * (arm == other))
    assert (found.arm, found.shown) == (other, True)
    assert found.words.startswith(f"Use {other}: kid 0.5")


@pytest.mark.parametrize("arms", [2, 3, 4, 5, 6])
def test_one_seed_less_would_not_be_enough(arms, monkeypatch):
    enough = seeds_for(arms)
    monkeypatch.setattr(comparison, "seeds_for", lambda arms: enough - 1)
    assert not concluded(arms, lambda arm, seed: 1.0 + 0.01 * seed - 0.5 * (arm != PLAN)).shown


def test_arms_that_are_alike_leave_the_plan():
    noise = random.Random(0)
    found = concluded(6, lambda arm, seed: 1.0 + noise.gauss(0, 0.1))
    assert (found.arm, found.shown) == (PLAN, False)
    assert found.words.startswith("No difference shown at this budget (8 seeds): keep plan. ")


def test_arms_that_are_worse_speak_for_the_plan():
    found = concluded(4, lambda arm, seed: {"plan": 1.0, "sn_r1": 1.0}.get(arm, 2.0) + 0.01 * seed)
    assert (found.arm, found.shown) == (PLAN, False)
    assert found.words == "Use plan: r1, rpgan_r1r2 did worse; no difference shown to sn_r1 (7 seeds, kid)."


def test_where_all_fail_nothing_is_recommended():
    assert concluded(3, lambda arm, seed: None).words.startswith("Every arm failed by kid with most of 7 seeds")


def test_a_budget_buys_steps_and_then_costs_arms(monkeypatch):
    monkeypatch.setattr(comparison, "priced", lambda study: dict.fromkeys(study.arms, Price(step=0.01, cell=1.0)))
    assert affordable([Price(0.01, 1.0)] * 6, 8 * 6 * (1.0 + 3.0)) == 300
    rich, poor = (comparison.comparison("ring", seconds, workers=1) for seconds in (200.0, 120.0))
    assert (list(rich.arms), len(rich.seeds)) == (list(ARMS), 8)
    assert (list(poor.arms), len(poor.seeds)) == (list(ARMS)[:4], 7)
    assert any(each.startswith("steps=3") for each in poor.base.set)
    halved = comparison.comparison("ring", 100.0, workers=2)
    assert halved.base.set == rich.base.set
    with pytest.raises(UsageError, match=r"--budget: 0m50s pays for .* steps of 3 arms with 7 seeds") as caught:
        comparison.comparison("ring", 50.0, workers=1)
    assert "give at least 1m32s" in caught.value.hint


@pytest.mark.parametrize("text", ["soon", "", "-5m", "0", "5 minutes", "1e3"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(UsageError, match="is no time"):
        seconds_of(text)
