"""What a player reads of a cell that has ended, and says of one that cannot be played."""

import re
from pathlib import Path

import pytest
from study_cells import SETTINGS, STEPS, odd, played, steps_of, task_of, tiny
from study_lines import B1

from steadygan.diagnosis.base import Finding
from steadygan.errors import EvaluationError
from steadygan.scoring import Scorer
from steadygan.study import player
from steadygan.study.cells import Cell
from steadygan.study.complete import without_series
from steadygan.study.player import Clock, Task
from steadygan.study.result import RESULT, read_results
from steadygan.study.table import Table


def test_a_cell_that_nobody_timed_has_not_failed_by_the_clock(tmp_path):
    metrics = {
        "modes": {"of": "score/modes"},
        "late": {"of": "score/modes", "at": "second", "reach": 0},
        "ms": {"of": "cost/ms_per_step"},
    }
    untimed = [each for each in SETTINGS if not each.startswith("monitoring.every")] + ["monitoring.every=1"]
    study = tiny(metrics=metrics, base={"recipe": "ring", "set": untimed})
    result = played(task_of(study, B1, tmp_path / "cell"))
    assert result.absent == ("late", "ms")
    table = Table.of(study.with_(arms={"sn": []}, seeds=(1,)), {result.cell: result})
    assert [len(column.rows) for column in table.columns] == [1, 0, 0]
    assert without_series(study, result)["late"].endswith("its steps were not timed")


def test_a_cell_that_diverges_is_a_result_without_values_and_with_its_cost(tmp_path):
    wild = ["loss=wasserstein", "stabilizers=[]", "discriminator.optimizer.learning_rate=1e6"]
    study = tiny(arms={"wild": wild}, base={"recipe": "ring", "set": [*tiny().base.set, "evaluation.every=10"]})
    task = task_of(study, Cell("wild", "as-is", 0), tmp_path / "wild")
    result, told = steps_of(task)
    assert (result.state, result.verdict) == ("diverged", "NON-FINITE")
    assert result.values == {"modes": None, "quality": None, "wobble": None}
    assert result.counts
    assert result.cost["cpu_seconds"] > 0
    assert told[-1] == result.step < STEPS
    assert played(task) == result  # and it is not played on


@pytest.mark.parametrize(("at", "modes", "quality"), [({20, 40, 60}, False, False), ({60}, False, True), ({20}, True, True)])
def test_a_cell_whose_last_score_failed_has_failed_and_no_earlier_one_stands_for_it(at, modes, quality, task, monkeypatch):
    score = Scorer.score

    def failing(self, state):
        if state.step in at:
            raise EvaluationError("modes: 3 of 200 samples have features that are not finite")
        return score(self, state)

    monkeypatch.setattr(Scorer, "score", failing)
    result = played(task)
    assert (result.values["modes"] is not None, result.values["quality"] is not None) == (modes, quality)
    assert (result.state, result.step) == ("finished", STEPS)
    assert [row["step"] for row in result.scores] == sorted({20, 40, 60} - at)


def test_a_score_that_is_no_number_compares_equal_to_itself(task, monkeypatch):
    monkeypatch.setattr(
        "steadygan.evaluation.modes.ModeCoverage.compare", lambda *_: {"modes": float("nan"), "high_quality": 0.5}
    )
    result = played(task)
    assert result.values["modes"] is None
    assert result.scores[0]["modes"] is None
    assert read_results(Path(task.place) / RESULT).results[B1] == result


def test_a_run_that_a_finding_ends_is_not_played_on(tmp_path, monkeypatch):
    def judge(course, rules):
        late = course.history.last("step") >= 40
        return [Finding("x", "STALLED", "failure", 40, "It stands still.", "Wait.")] * late

    monkeypatch.setattr("steadygan.run.judge", judge)
    task = task_of(tiny(arms={"a": ["on_finding={any: stop}"]}), Cell("a", "as-is", 0), tmp_path / "a")
    result, told = steps_of(task)
    assert (told[-1], result.step, result.state) == (40, 40, "finished")
    assert result.values["modes"] is not None
    assert steps_of(task) == (result, [])


@pytest.mark.parametrize(
    ("arm", "error", "said"),
    [
        (
            ["stabilizers=[weight_norm, spectral_norm]"],
            "ConfigError",
            "'weight_norm' and 'spectral_norm' cannot be on one player",
        ),
        (odd("Broken"), "ArithmeticError", r"no such loss – ever \(odd_losses.py, line 1\d\)"),
    ],
)
def test_a_cell_that_cannot_be_played_says_why_and_where(arm, error, said, tmp_path):
    task = task_of(tiny(arms={"a": arm}), Cell("a", "as-is", 0), tmp_path / "a")
    with pytest.raises(Exception, match=r".") as caught:
        played(task)
    words = player.explained(caught.value)
    assert words.startswith(f"{error}: ")
    assert re.search(said, words)


def test_an_explanation_holds_nothing_that_json_cannot(tmp_path):
    assert player.explained(OSError(b"\xff".decode(errors="surrogateescape"))) == "OSError: ?"


def test_a_task_goes_to_a_line_and_back(task):
    line = task.json()
    assert "\n" not in line
    assert Task.of(line) == task
    assert Task.of(task_of(tiny(command=["a", "{out}"]), B1, "/x").json()).command == ("a", "{out}")


def test_the_time_of_a_step_needs_some_steps_and_counts_those_alone_in_which_nothing_else_was_done():
    clock = Clock()
    for number in range(25):
        clock.lap(counts=number % 5 == 0)
    assert (clock.steps, "ms_per_step" in clock.cost()) == (5, False)
    for _ in range(15):
        clock.lap(counts=True)
    assert clock.cost()["ms_per_step"] == 1000 * clock.training / 20
    assert clock.training <= clock.total
