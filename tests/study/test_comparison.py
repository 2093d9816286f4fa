import random

import pytest
from made_studies import write_study

from steadygan.configure import Request, configure
from steadygan.errors import UsageError
from steadygan.study import comparison
from steadygan.study.comparison import (
    ARMS,
    PLAN,
    Price,
    affordable,
    check_goes_on,
    note,
    recipe_of,
    same_data,
    seconds_of,
    seeds_for,
    study_of,
)
from steadygan.study.conclusion import conclude
from steadygan.study.report import write_study_report
from steadygan.study.result import Result
from steadygan.study.table import Table


def concluded(arms, kid):
    """What is concluded of so many arms; `kid(arm, seed)` is the score of a cell, None where it failed."""
    study = study_of("ring", list(ARMS)[:arms], 300).with_(metrics={"kid": {"of": "score/kid"}})
    results = (
        Result(
            arm=arm,
            setting="as-is",
            seed=seed,
            state="diverged" if kid(arm, seed) is None else "finished",
            values={"kid": kid(arm, seed)},
        )
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
    assert found.word == f"USE {other}"


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
    assert found.word == "NO DIFFERENCE SHOWN"


def test_arms_that_are_worse_speak_for_the_plan():
    found = concluded(4, lambda arm, seed: {"plan": 1.0, "sn_r1": 1.0}.get(arm, 2.0) + 0.01 * seed)
    assert (found.arm, found.shown) == (PLAN, False)
    assert found.words == "Use plan: r1, rpgan_r1r2 did worse; no difference shown to sn_r1 (7 seeds, kid)."


def test_of_arms_that_are_shown_to_be_better_the_best_is_named_whoever_has_the_best_middle():
    def kid(arm, seed):
        unsteady = 3.0 if seed < 2 else 0.1  # its middle is (4 * 0.1 + 3) / 5, and the two seeds lost forbid p <= 0.05
        return {"plan": 1.0, "sn_r1": 0.9, "r1": unsteady}[arm] + 0.001 * seed

    found = concluded(3, kid)
    assert (found.arm, found.shown) == ("sn_r1", True)
    assert found.words.startswith("Use sn_r1: kid 0.903 (")
    assert ". r1 has the best middle, 0.684 (" in found.words
    assert found.words.endswith("), but was not shown to be better than plan.")


def test_a_plan_that_fails_in_more_than_a_quarter_of_cells_gives_way_to_an_arm_shown_to_be_better():
    found = concluded(3, lambda arm, seed: (None if seed < 3 else 1.0) if arm == PLAN else 0.5 if arm == "sn_r1" else 5.0)
    assert (found.arm, found.shown) == ("sn_r1", True)
    assert ", where plan failed in 3 of 7, better in " in found.words
    assert "inf" not in found.words


@pytest.mark.parametrize("lost", [2, 7])
def test_a_plan_that_fails_in_more_than_a_quarter_of_cells_is_not_kept_though_nothing_was_shown(lost):
    def kid(arm, seed):
        fails = {"plan": seed < lost, "sn_r1": seed == 6, "r1": seed < 3}[arm]
        return None if fails else {"plan": 1.0, "sn_r1": 1.0 + 0.1 * (-1) ** seed, "r1": 0.1}[arm]

    found = concluded(3, kid)
    assert (found.arm, found.shown) == ("sn_r1", False)
    told = f"Use sn_r1: plan failed in {lost} of 7 by kid and cannot be kept; sn_r1 failed in 1 of 7 and has the best middle, "
    assert found.words.startswith(told)
    assert found.words.endswith(". That it is better than plan was not shown by the test (7 seeds).")


@pytest.mark.parametrize("lost", [2, 7])
def test_where_all_fail_nothing_is_recommended(lost):
    found = concluded(3, lambda arm, seed: None if seed < lost else 1.0)
    assert (found.arm, found.shown) == ("", False)
    told = "Every arm failed by kid in more than a quarter of its cells (7 seeds): no recipe can be named."
    assert found.words == told


def test_where_no_cell_was_scored_nobody_is_said_to_have_failed():
    study = study_of("ring", list(ARMS)[:3], 300).with_(metrics={"kid": {"of": "score/kid"}}, seeds=(0,))
    results = {cell: Result(**vars(cell), state="finished", values={"kid": None}, absent=("kid",)) for cell in study.cells()}
    found = conclude(Table.of(study, results))
    assert (found.arm, found.words) == ("", "No cell has a kid (1 seeds): no recipe can be named.")


@pytest.mark.parametrize("arm", [PLAN, "sn_r1", "slower"])
def test_a_recipe_is_the_plan_changed_by_its_arm_alone(arm, tmp_path):
    recipe = recipe_of(study_of("shapes", list(ARMS), 300), arm)
    assert recipe == configure(Request(data="shapes", settings=ARMS[arm]))[0]
    assert (recipe.threads, recipe.precision) == (0, "auto")  # a cell has 1 and float32
    plan = configure(Request(data="shapes"))[0]
    assert (recipe.evaluation, recipe.steps) == (plan.evaluation, plan.steps)
    assert (recipe == plan) == (arm == PLAN)
    (tmp_path / "recipe.yaml").write_text(recipe.yaml(), encoding="utf-8")
    assert configure(Request(data="shapes", file=tmp_path / "recipe.yaml"))[0] == recipe


def test_a_comparison_goes_on_with_the_budget_that_it_began_with(tmp_path):
    study = study_of("ring", list(ARMS), 300)
    note(tmp_path, "30m")
    for same in (None, "30m", "1800", "0.5h"):
        check_goes_on(study, tmp_path, "ring", same)
    problem = rf"--budget: 2h is asked for, and the budget of the comparison in {tmp_path} is 30m; .* name another --out"
    with pytest.raises(UsageError, match=problem):
        check_goes_on(study, tmp_path, "ring", "2h")


@pytest.mark.parametrize("content", [None, b"", b"soon", b"\xff\xfe"])
def test_a_budget_that_is_not_on_record_can_only_be_gone_on_with_unnamed(content, tmp_path):
    if content is not None:
        (tmp_path / "budget.txt").write_bytes(content)
    check_goes_on(study_of("ring", list(ARMS), 300), tmp_path, "ring", None)
    with pytest.raises(UsageError, match="is not on record; leave --budget out"):
        check_goes_on(study_of("ring", list(ARMS), 300), tmp_path, "ring", "30m")


def test_the_same_folder_may_be_written_in_another_way(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for one in ("photos", "photos/", "./photos", str(tmp_path / "photos")):
        assert same_data("photos", one)
        assert same_data(one, "photos")
    assert not same_data("photos", "other")
    assert not same_data("ring", "./ring")  # a name wins over a folder of that name
    with pytest.raises(UsageError, match=": ring is compared there; name another --out"):
        check_goes_on(study_of("ring", list(ARMS), 300), tmp_path, "photos", None)


def test_the_page_of_a_comparison_begins_with_what_it_comes_to(tmp_path):
    study = study_of("ring", list(ARMS)[:3], 300).with_(metrics={"kid": {"of": "score/kid"}})
    results = [
        Result(arm=arm, setting="as-is", seed=seed, state="finished", values={"kid": 1.0 + 0.01 * seed - 0.5 * (arm == "r1")})
        for arm in study.arms
        for seed in study.seeds
    ]
    page = write_study_report(write_study(tmp_path / "s", study, results)).read_text()
    assert "USE r1" in page
    assert "NO VERDICT" not in page
    assert "no rules to judge by" not in page


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
