import json
import random
from math import inf

import pytest
from made_studies import made_results, made_study, write_study

from steadygan.errors import EvaluationError
from steadygan.study.effects import improvement
from steadygan.study.result import Result
from steadygan.study.significance import holm
from steadygan.study.study import Study
from steadygan.study.table import Table, write_verdict

QUALITY = {"quality": {"of": "score/q", "higher_is_better": True, "fails_below": 0.1}}


def study(arms="ab", settings="A", seeds=2, metrics=QUALITY, **more):
    told = {"name": "tiny", "arms": {arm: [] for arm in arms}, "settings": {s: [] for s in settings}, "seeds": seeds}
    return Study.of({**told, "metrics": metrics, **more})


def cell(arm, seed, quality, setting="A", state="finished", ms=1.0, rows=((100, 0.2), (200, 0.3)), **values):
    """A cell whose last score need not be its value: tests of the table give both."""
    scores = [{"step": step, "q": value} for step, value in rows]
    cost = {"cpu_seconds": 2.0, "seconds": 3.0} | ({} if ms is None else {"ms_per_step": ms})
    told = {"arm": arm, "setting": setting, "seed": seed, "state": state, "step": rows[-1][0] if rows else 0}
    return Result(**told, values={"quality": quality, **values}, scores=scores, cost=cost)


def table_of(of, *results):
    return Table.of(of, {result.cell: result for result in results})


def four(b=(0.5, 0.7)):
    return [cell("a", 0, 0.2), cell("a", 1, 0.4), cell("b", 0, b[0], ms=2.0), cell("b", 1, b[1], ms=3.0)]


def test_numbers_by_hand():
    """n = 2: nothing is cut off, the mean is the middle; b wins all 4 pairs; both pairs point one way: p = 2/4."""
    a, b = table_of(study(), *four()).main.rows
    assert (a.middle.value, b.middle.value) == (pytest.approx(0.3), pytest.approx(0.6))
    assert (a.failed.hits, a.failed.of, a.region.hits) == (0, 2, 1)
    assert (b.better.value, b.p, b.pairs, b.shared) == (1.0, 0.5, 2, ("A",))
    assert (a.better, a.p) == (None, None)
    assert b.spot("A").median == pytest.approx(0.6)
    assert b.spot("B") is None


def test_a_failed_cell_stays_in():
    _, b = table_of(study(), *four(b=(0.5, None))).main.rows
    assert b.middle.value == -inf  # of 2 cells none is cut away
    assert (b.failed.hits, b.better.value) == (1, 0.5)
    assert (b.spot("A").median, b.spot("A").failed.hits) == (None, 1)


def test_p_is_corrected_over_the_arms_of_a_metric():
    made = made_study(4, 2, 3)
    table = table_of(made, *made_results(made))
    for column in table.columns:
        reference, *others = column.rows
        expected = holm([improvement(row.scores, reference.scores).test.p for row in others])
        assert [row.p for row in others] == expected


@pytest.mark.parametrize("seed", range(3))
def test_order_of_results_changes_nothing(seed):
    made = made_study(4, 3, 4)
    results = made_results(made)
    before = json.dumps(table_of(made, *results).as_dict())
    random.Random(seed).shuffle(results)
    assert json.dumps(table_of(made, *results).as_dict()) == before


def test_times_stay_out_of_what_repeats():
    made = made_study(4, 2, 3)
    results = made_results(made)
    slower = [
        r.with_(cost={**r.cost, "ms_per_step": 3 * r.cost["ms_per_step"] + r.seed}, timed={"seconds_to_half": 9.0, "ms": 1.0})
        for r in results
    ]
    one, two = (table_of(made, *each).as_dict() for each in (results, slower))
    assert json.dumps(one["repeatable"]) == json.dumps(two["repeatable"])
    assert one["timed"] != two["timed"]
    assert set(one["timed"]["metrics"]) == {"seconds_to_half", "ms"}
    assert one["verdict_repeats"] is True
    timed = made_study(4, 2, 3, rules=[{"a": "sn-k5", "b": "none", "metric": "ms"}])
    assert table_of(timed, *results).verdict_repeats is False


def test_a_pair_left_out_is_compared_where_both_are():
    rule = {"a": "b", "b": "a", "metric": "quality", "measure": "improvement"}
    of = study(settings="AB", leave_out=[{"arm": "b", "setting": "B", "why": "cannot be"}], rules=[rule])
    elsewhere = [cell("a", seed, 0.9, setting="B") for seed in (0, 1)]
    table = table_of(of, *four(), *elsewhere)
    a, b = table.main.rows
    assert (a.scores.settings, b.scores.settings, b.shared) == (("A", "B"), ("A",), ("A",))
    assert b.better.value == 1.0  # at B it would lose
    assert table.verdict.rulings[0].rule.settings == ("A",)
    assert table.verdict.rulings[0].effect.estimate.value == 1.0


def test_a_seed_that_is_not_complete_is_left_out_everywhere():
    of = study(seeds=3)
    table = table_of(of, *four(), cell("b", 2, 0.9))
    assert (table.complete.seeds, table.complete.seeds_left_out) == ((0, 1), (2,))
    assert [lost.cell.id for lost in table.complete.lost] == ["a.A.2"]
    assert table.main.row("b").scores.seeds == (0, 1)
    assert table.as_dict()["repeatable"]["seeds_left_out"] == {"2": ["a.A.2 missing"]}
    assert table.complete.counts == {"planned": 6, "finished": 5, "diverged": 0, "crashed": 0, "hung": 0, "missing": 1}


@pytest.mark.parametrize("state", ["crashed", "hung"])
def test_a_broken_cell_is_no_failure_of_its_arm(state):
    broken = Result(arm="a", setting="A", seed=2, state=state, problem="no memory")
    table = table_of(study(seeds=3), *four(), broken, cell("b", 2, 0.9))
    assert table.complete.seeds == (0, 1)
    assert table.main.row("a").failed.hits == 0
    assert table.as_dict()["timed"]["problems"] == {"a.A.2": "no memory"}


def test_no_seed_complete_gives_counts_only():
    rules = [{"a": "b", "b": "a", "metric": "quality"}]
    table = table_of(study(rules=rules), four()[0])
    assert (table.columns, table.main, table.verdict, table.equal_time) == ((), None, None, None)
    told = table.as_dict()
    assert (told["verdict"], told["sentence"]) == (None, "No seed is complete yet.")
    assert told["repeatable"]["cells"]["missing"] == 3


def test_all_cells_diverged():
    """Nobody lived to write a score: that is a failure of all, and no metric that is not there."""
    dead = [cell(arm, seed, None, state="diverged", ms=None, rows=()) for arm in "ab" for seed in range(3)]
    table = table_of(study(seeds=3, rules=[{"a": "b", "b": "a", "metric": "quality"}]), *dead)
    assert [(row.failed.hits, row.middle.value, row.spot("A").median) for row in table.main.rows] == [(3, -inf, None)] * 2
    assert table.main.row("b").p == 1.0
    assert table.main.leaders == []
    assert str(table.verdict.word) == "INCONCLUSIVE"
    json.dumps(table.as_dict(), allow_nan=False)


def test_results_of_other_studies_are_passed_over():
    table = table_of(study(), *four(), cell("stranger", 0, 1.0), cell("a", 9, 1.0))
    assert table.main.row("stranger") is None
    assert table.complete.counts["planned"] == 4


def test_a_setting_without_the_series_is_left_out_for_that_metric():
    metrics = {**QUALITY, "modes": {"of": "score/modes", "higher_is_better": True}}
    there = [r.with_(values={**r.values, "modes": 8.0}) for r in four()]
    elsewhere = [cell(arm, seed, 0.5, setting="B", modes=None) for arm in "ab" for seed in (0, 1)]
    table = table_of(study(settings="AB", metrics=metrics), *there, *elsewhere)
    assert [sorted(column.settings) for column in table.columns] == [["A", "B"], ["A"]]


@pytest.mark.parametrize(("way", "settings"), [({}, {"A"}), ({"fails_above": 5}, {"A", "B"})])
def test_a_history_that_nobody_kept_fails_only_where_it_can(way, settings):
    metrics = {**QUALITY, "wobble": {"of": "history/wobble/logits", **way}}
    there = [r.with_(values={**r.values, "wobble": 1.0}) for r in four()]
    elsewhere = [cell(arm, seed, 0.5, setting="B", wobble=None) for arm in "ab" for seed in (0, 1)]
    table = table_of(study(settings="AB", metrics=metrics), *there, *elsewhere)
    assert table.columns[1].settings == settings


def test_a_metric_that_results_do_not_have_yet():
    metrics = {**QUALITY, "new": {"of": "score/new"}}
    with pytest.raises(EvaluationError, match=r"'a\.A\.0' has no metric 'new'"):
        table_of(study(metrics=metrics), *four())


def test_a_rule_that_cannot_be_judged_gives_no_verdict():
    metrics = {**QUALITY, "modes": {"of": "score/modes"}}
    rule = {"a": "b", "b": "a", "metric": "modes"}
    table = table_of(study(metrics=metrics, rules=[rule]), *(r.with_(values={**r.values, "modes": None}) for r in four()))
    assert table.verdict is None
    assert "modes" in table.no_verdict


def test_equal_time_by_hand():
    """a needs 200 * 1 ms; b takes 2 ms a step and is at 100 of 200 steps then."""
    rows = ((100, 0.4), (200, 0.9))
    found = [cell("a", seed, 0.3) for seed in (0, 1)] + [cell("b", seed, 0.9, ms=2.0, rows=rows) for seed in (0, 1)]
    equal = table_of(study(), *found).equal_time
    assert (equal.cheapest, equal.seconds) == ("a", pytest.approx(0.2))
    assert equal.column.row("a").scores.values.tolist() == [[0.3, 0.3]]
    assert equal.column.row("b").scores.values.tolist() == [[0.4, 0.4]]
    assert not equal.column.repeats


@pytest.mark.parametrize(
    ("late", "expected"),
    [
        (cell("b", 1, 0.9, ms=2.1, rows=((100, 0.4), (200, 0.9))), 0.4),  # at step 95: 100 is the nearest
        (cell("b", 1, 0.9, ms=1.05, rows=((100, 0.4), (200, 0.9))), 0.9),  # at step 190: as good as its end
        (cell("b", 1, None, ms=1.0, rows=((100, 0.4),)).with_(step=200), None),  # not scored at its end: it failed
        (cell("b", 1, 0.9, ms=2.0, rows=((100, 0.05), (200, 0.9))), None),  # below what counts as failed by then
        (cell("b", 1, None, ms=2.0, rows=((80, 0.4),), state="diverged"), None),  # dead by then
        (cell("b", 1, None, ms=2.0, rows=((90, 0.4), (110, 0.6)), state="diverged"), 0.4),  # not dead yet
        (cell("b", 1, None, ms=None, rows=((90, 0.4), (110, 0.6)), state="diverged"), 0.4),  # timed as its arm is
    ],
)
def test_equal_time_of_a_cell(late, expected):
    found = [cell("a", 0, 0.3), cell("a", 1, 0.3), cell("b", 0, 0.9, ms=2.0), late]
    value = table_of(study(), *found).equal_time.column.row("b").scores.values[0, 1]
    assert value == expected or (expected is None and value != value)


@pytest.mark.parametrize(("ms", "rows"), [(3.0, ((100, 0.4), (200, 0.9))), (1.5, ((200, 0.9),)), (2.0, ())])
def test_no_equal_time_where_no_score_is_near_it(ms, rows):
    """Nobody looked at step 67, at step 133, at all: that is no failure."""
    late = cell("b", 1, 0.9, ms=ms, rows=rows).with_(step=200)
    assert table_of(study(), cell("a", 0, 0.3), cell("a", 1, 0.3), cell("b", 0, 0.9, ms=2.0), late).equal_time is None


def test_an_arm_that_is_not_scored_so_has_not_failed():
    """Without labels nobody is asked for a class. But an arm that died before its first score has failed."""
    unscored = [cell("b", seed, None, rows=()).with_(step=200, absent=("quality",)) for seed in (0, 1)]
    table = table_of(study(), cell("a", 0, 0.3), cell("a", 1, 0.3), *unscored)
    assert [row.arm for row in table.main.rows] == ["a"]
    assert [row.arm for row in table.equal_time.column.rows] == ["a"]
    died = [each.with_(state="diverged") for each in unscored]
    table = table_of(study(), cell("a", 0, 0.3), cell("a", 1, 0.3), *died)
    assert [row.failed.hits for row in table.main.rows] == [0, 2]
    half = table_of(study(), cell("a", 0, 0.3), cell("a", 1, 0.3), died[0], unscored[1])
    assert [row.arm for row in half.main.rows] == ["a"]


def test_equal_time_when_the_cheapest_arm_died():
    """Its median time at that setting is the limit, not the little that the dead cell took."""
    died = cell("a", 2, None, rows=((20, 0.3),), state="diverged")
    found = [cell("a", 0, 0.3), cell("a", 1, 0.3), died, *(cell("b", seed, 0.3, ms=2.0) for seed in range(3))]
    row = table_of(study(seeds=3), *found).equal_time.column.row("b")
    assert row.scores.values.tolist() == [[0.2, 0.2, 0.2]]


def test_no_equal_time_without_a_clock_or_a_score():
    assert table_of(study(), *(r.with_(cost={}) for r in four())).equal_time is None
    mean = {"quality": {**QUALITY["quality"], "at": "mean"}}
    assert table_of(study(metrics=mean), *four()).equal_time is None


def test_cost_is_paired():
    a, b = table_of(study(), *four()).costs
    assert (a.ms_per_step, a.ratio, a.pairs) == (1.0, 1.0, 2)
    assert (b.ms_per_step, b.cpu_seconds, b.ratio, b.pairs) == (2.5, 2.0, 2.5, 2)


def test_verdict_file(tmp_path):
    made = made_study(3, 2, 3)
    place = write_study(tmp_path / "study", made, made_results(made), pictures=False)
    told = json.loads(write_verdict(place).read_text())
    assert told["verdict"] in ("SUPPORTED", "QUALIFIED", "CONTRADICTED", "INCONCLUSIVE")
    assert len(told["rulings"]) == len(made.rules)
    assert told["repeatable"]["metrics"]["quality"]["arms"]["sn-k5"]["n"] == 6
    before = place.verdict.read_bytes()
    assert write_verdict(place).read_bytes() == before
