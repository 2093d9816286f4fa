import json
import shutil
from pathlib import Path

import hasty
import pytest
from study_cells import STEPS, played, steps_of, task_of, tiny
from study_lines import B1

from steadygan.errors import DataError
from steadygan.study.cells import Cell
from steadygan.study.player import play
from steadygan.study.result import RESULT, read_results


class Killed(BaseException):
    """Stands for kill -9: nothing is written after it."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A cell that was played without a break: its result and its directory."""
    place = tmp_path_factory.mktemp("whole") / B1.id
    return played(task_of(tiny(), B1, place)), place


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    """The directory of the same cell, killed after step 25."""
    place = tmp_path_factory.mktemp("half") / B1.id
    killed_at(25, task_of(tiny(), B1, place))
    return place


def killed_at(step, task, calls=False):
    """Play a cell and kill it after a step, or after so many steps wherever they led; returns the steps that it told."""
    told = []

    def tell(now):
        told.append(now)
        if (len(told) if calls else now) == step:
            raise Killed

    with pytest.raises(Killed):
        play(task, tell, lambda stop: None)
    return told


def test_a_cell_leaves_its_result_and_its_run(whole):
    result, place = whole
    assert (result.cell, result.state, result.step) == (B1, "finished", STEPS)
    assert [row["step"] for row in result.scores] == [20, 40, 60]
    assert result.values["modes"] == result.scores[-1]["modes"]
    assert result.values["quality"] == max(row["high_quality"] for row in result.scores)
    assert result.values["wobble"] > 0
    assert [step for step, _ in result.traces["sigma"]] == [20, 40, 60]
    assert result.timed["ms"] == result.cost["ms_per_step"] > 0
    assert result.cost["seconds"] >= 0
    assert list(read_results(place / RESULT).results.values()) == [result]
    for name in ("config.yaml", "history.jsonl", "metrics.jsonl", "outcome.json", "report.html", "checkpoints/last"):
        assert (place / name).exists()


def test_a_seed_and_an_arm_each_make_a_difference(whole, tmp_path):
    result, _ = whole
    other = played(task_of(tiny(), Cell("none", "as-is", 1), tmp_path / "none"))
    assert other.values != result.values
    seed = played(task_of(tiny(), Cell("sn", "as-is", 0), tmp_path / "zero"))
    assert seed.values != result.values
    again = played(task_of(tiny(), B1, tmp_path / "again"))  # the fourth in this process is as the first
    assert again.repeatable() == result.repeatable()


@pytest.mark.parametrize(("step", "begins"), [(7, 1), (20, 1), (21, 21), (50, 41), (STEPS, 41)])
def test_killed_and_opened_again_it_gives_the_same_bit_for_bit(step, begins, whole, task):
    assert killed_at(step, task)[-1] == step
    result, told = steps_of(task)
    assert told[0] == begins
    assert result.repeatable() == whole[0].repeatable()


def test_a_cell_that_goes_back_by_itself_may_be_killed_too(tmp_path):
    rule = f"rules=[{{name: '{hasty.__file__}:Hasty', after: 25}}]"
    remedied = ["on_finding={HASTY: rollback}", "rollback.probation=20", "generator.optimizer.learning_rate=1e-2", rule]
    study = tiny(arms={"sn": [*remedied, "monitoring.every=5", "checkpoints.every=10"]})
    result, told = steps_of(task_of(study, Cell("sn", "as-is", 1), tmp_path / "whole"))
    assert told == [*range(1, 26), *range(11, STEPS + 1)], "it went back once, to the checkpoint before"
    for call in (12, 25, 26, 33, 45):  # before it, at it, on probation and after
        task = task_of(study, Cell("sn", "as-is", 1), tmp_path / str(call))
        killed_at(call, task, calls=True)
        assert steps_of(task)[0].repeatable() == result.repeatable(), call


@pytest.mark.parametrize("name", ["write_report", "write_json"])
def test_killed_between_its_last_step_and_its_report_it_plays_no_step_again(name, whole, task, monkeypatch):
    def kill(*arguments):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(f"steadygan.run.{name}", kill)  # outcome.json and then report.html are the last to be written
        with pytest.raises(Killed):
            played(task)
    result, told = steps_of(task)
    assert told == []
    assert result.repeatable() == whole[0].repeatable()


def test_killed_before_its_result_was_written_it_is_read_and_not_played(whole, task):
    shutil.copytree(whole[1], task.place)
    (Path(task.place) / RESULT).unlink()
    result, told = steps_of(task)
    assert told == []
    assert result == whole[0]  # its cost too


def test_killed_twice_it_still_gives_the_same(whole, task):
    assert killed_at(25, task)[0] == 1
    assert killed_at(45, task)[0] == 21
    result, told = steps_of(task)
    assert told[0] == 41
    assert result.repeatable() == whole[0].repeatable()


@pytest.mark.parametrize("step", [1, 33])
def test_asked_to_stop_it_ends_with_a_checkpoint_and_goes_on_from_there(step, whole, task):
    stops, told = [], []

    def tell(now):
        told.append(now)
        if now == step:
            stops[0]()

    assert play(task, tell, stops.append) is None
    assert told[-1] == step
    result, told = steps_of(task)
    assert told[0] == step + 1
    assert result.repeatable() == whole[0].repeatable()


def test_asked_to_stop_at_its_last_step_it_is_finished_and_scored(whole, task):
    stops = []
    result = play(task, lambda now: stops[0]() if now == STEPS else None, stops.append)
    assert result.repeatable() == whole[0].repeatable()


def test_time_of_earlier_sessions_is_kept(task):
    killed_at(50, task)
    before = json.loads((Path(task.place) / "clock.json").read_text())
    assert before["steps"] == 38  # of 40: the first warms up, and before another one something was read
    result, _ = steps_of(task)
    assert result.cost["cpu_seconds"] > before["total"] > before["training"] > 0


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("checkpoints/last/generator.safetensors", b"\x00" * 9),
        ("checkpoints/last/optimizers.pt", b"no tensors"),
        ("checkpoints/last/state.json", b'{"format": 1'),
        ("checkpoints/last/state.json", b'{"format": 1}'),
        ("checkpoints/last/state.json", b"[]"),
        ("clock.json", b"[]"),
        ("clock.json", b'"text"'),
        ("clock.json", b""),
        ("clock.json", b'{"config": "of another study"}'),
        ("history.jsonl", b"\xff\x00\n{}\n"),
        ("outcome.json", b"{}"),
    ],
)
def test_what_is_damaged_is_begun_anew(name, content, half, task):
    shutil.copytree(half, task.place)
    (Path(task.place) / name).write_bytes(content)
    assert killed_at(1, task) == [1]  # and not 21


def test_begun_anew_it_is_as_if_nothing_had_been_there(half, whole, task):
    shutil.copytree(half, task.place)
    (Path(task.place) / "checkpoints/last/state.json").unlink()
    assert played(task).repeatable() == whole[0].repeatable()


def test_what_belongs_to_another_study_is_not_gone_on_with(half, task):
    shutil.copytree(half, task.place)
    assert killed_at(1, task_of(tiny(), B1, Path(task.place), fingerprint="another")) == [1]


def test_where_the_data_are_gone_nothing_is_thrown_away(half, task, monkeypatch):
    shutil.copytree(half, task.place)

    def gone(config, progress=None):
        raise DataError("photos/: there is no such folder")

    with monkeypatch.context() as patched:
        patched.setattr("steadygan.launch.open_data", gone)
        with pytest.raises(DataError):
            played(task)
    assert killed_at(21, task) == [21]
