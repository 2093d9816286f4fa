"""Studies in real worker processes, and what is left of them when something is killed, crashes, hangs or is stopped."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import drive_study
import pytest
from study_cells import METRICS, STEPS, Answers, drive, odd, played, repeatable, task_of, tiny

from steadygan.errors import ConfigError
from steadygan.study import driver as drivers
from steadygan.study.cells import Cell
from steadygan.study.result import RESULT, read_results

SEED_0 = Cell("odd", "as-is", 0)


def children():
    """The processes that this one has started and that still run."""
    return {int(pid) for file in Path("/proc/self/task").glob("*/children") for pid in file.read_text().split()}


@pytest.fixture(autouse=True)
def no_orphans():
    """No test leaves a process behind."""
    before = children()
    yield
    assert children() <= before


def gone(pid, seconds=30.0):
    """Whether a process that is nobody's child here has ended, after waiting for it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def kinds(events):
    return [(event.kind, event.cell.id) for event in events if event.kind != "step"]


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """Four cells played by one worker, one after the other: the driver and the directory."""
    path = tmp_path_factory.mktemp("reference") / "s"
    return drive(tiny(), path, workers=1)[0], path


@pytest.fixture
def copy(reference, tmp_path):
    """A copy of the finished study, which a test may damage."""
    shutil.copytree(reference[1], tmp_path / "s")
    return tmp_path / "s"


def test_one_worker_finishes_a_study(reference):
    driver, path = reference
    assert [result.state for result in driver.results.values()] == ["finished"] * 4
    ledger = read_results(path / "results.jsonl")
    assert list(ledger.results.values()) == [driver.results[cell] for cell in driver.study.cells()]
    assert len({json.dumps(each) for each in repeatable(driver).values()}) == 4
    assert sorted(each.name for each in path.glob("logs/*")) == ["worker-0.txt"]
    for cell in driver.study.cells():
        assert read_results(path / "cells" / cell.id / RESULT).results[cell].repeatable() == driver.results[cell].repeatable()


def test_two_workers_give_the_same_bit_for_bit(reference, tmp_path):
    driver, events = drive(tiny(), tmp_path / "s", workers=2)
    assert [kind for kind, _ in kinds(events)][:2] == ["begins", "begins"]
    assert repeatable(driver) == repeatable(reference[0])
    written = read_results(tmp_path / "s" / "results.jsonl").results
    assert list(written) == driver.study.cells()  # and the lines in the same order, whichever was ready first


def test_this_process_gives_the_same_bit_for_bit(reference, tmp_path):
    cell = Cell("sn", "as-is", 1)
    assert played(task_of(tiny(), cell, tmp_path / cell.id)).repeatable() == reference[0].results[cell].repeatable()


def test_a_worker_that_is_killed_is_replaced_and_its_cell_goes_on_from_its_checkpoint(tmp_path):
    calls = tmp_path / "calls"
    study = tiny(arms={"odd": odd("Dies", calls=calls)}, seeds=1)
    driver, events = drive(study, tmp_path / "s")
    assert kinds(events) == [("begins", SEED_0.id), ("again", SEED_0.id), ("begins", SEED_0.id), ("result", SEED_0.id)]
    assert [event.words for event in events if event.kind == "again"] == ["its process was killed by signal 9"]
    assert 0 <= calls.stat().st_size - (50 + STEPS - 40) < 5  # it went on from step 40; before the first step it is called too
    assert driver.results[SEED_0].cost["attempts"] == 2
    whole = played(task_of(study, SEED_0, tmp_path / "whole"))  # the file is long enough by now that nothing dies
    assert whole.repeatable() == driver.results[SEED_0].repeatable()


def test_a_driver_that_is_killed_leaves_nothing_running_and_the_next_repeats_no_finished_cell(tmp_path):
    calls, hurry, path = tmp_path / "calls", tmp_path / "hurry", tmp_path / "s"
    arms = {"sn": [], "odd": odd("Dawdles", calls=calls, hurry=hurry)}
    study, file = tiny(arms=arms, seeds=1), tmp_path / "study.yaml"
    file.write_text(study.yaml(), encoding="utf-8")
    command = [sys.executable, drive_study.__file__, file, path, "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        told = (line.split() for line in process.stdout if line.startswith("step odd."))  # the first arm is finished by then
        _, _, _, *workers = next(words for words in told if int(words[2]) > 5)
        process.send_signal(signal.SIGKILL)
    assert len(workers) == 1
    assert gone(int(workers[0]))  # nobody told them: their input came to an end
    first = path / "cells" / "sn.as-is.0"
    before = {each: each.stat().st_mtime_ns for each in first.rglob("*")}
    steps = calls.stat().st_size
    assert 5 < steps < STEPS
    hurry.touch()
    driver, events = drive(study, path)
    assert kinds(events) == [("begins", SEED_0.id), ("result", SEED_0.id)]
    assert {each: each.stat().st_mtime_ns for each in first.rglob("*")} == before
    assert 0 <= calls.stat().st_size - STEPS < 3  # it went on from the stop; before the first step it is called too
    for cell, result in driver.results.items():
        whole = played(task_of(study, cell, tmp_path / cell.id))
        assert whole.repeatable() == result.repeatable()


def test_a_study_that_is_stopped_goes_on_where_it_was(tmp_path):
    calls, hurry = tmp_path / "calls", tmp_path / "hurry"
    study = tiny(arms={"odd": odd("Dawdles", calls=calls, hurry=hurry)}, seeds=2)

    def stop(driver, event):
        if event.kind == "step" and event.step > 5:
            driver.stop()

    driver, events = drive(study, tmp_path / "s", see=stop)
    assert kinds(events) == [("begins", SEED_0.id), ("interrupted", SEED_0.id)]
    assert driver.results == {}
    outcome = json.loads((tmp_path / "s" / "cells" / SEED_0.id / "outcome.json").read_text())
    assert outcome["interrupted"]
    assert 5 < outcome["step"] < STEPS
    assert not (tmp_path / "s" / "cells" / "odd.as-is.1").exists()
    hurry.touch()
    driver, _ = drive(study, tmp_path / "s")
    assert len(driver.results) == 2
    assert 0 <= calls.stat().st_size - 2 * STEPS < 5
    whole = played(task_of(study, SEED_0, tmp_path / "whole"))
    assert whole.repeatable() == driver.results[SEED_0].repeatable()
    log = (tmp_path / "s" / "logs" / "worker-0.txt").read_text()
    assert "printed where answers go" in log


def test_a_cell_that_crashes_twice_is_reported_with_its_problem_and_the_others_are_finished(reference, tmp_path):
    study = tiny(
        arms={"broken": odd("Broken"), "leaves": odd("Leaves"), "both": ["stabilizers=[weight_norm, spectral_norm]"], "sn": []}
    )
    driver, _ = drive(study.with_(seeds=(0,)), tmp_path / "s")
    problems = {cell.arm: result.problem for cell, result in driver.results.items() if result.state == "crashed"}
    assert problems.keys() == {"broken", "leaves", "both"}
    assert problems["broken"].startswith("ArithmeticError: no such loss – ever (odd_losses.py, line ")
    assert problems["leaves"].startswith("SystemExit: 0 (odd_losses.py, line ")
    assert "'weight_norm' and 'spectral_norm' cannot be on one player" in problems["both"]
    sn = Cell("sn", "as-is", 0)
    assert driver.results[sn].repeatable() == reference[0].results[sn].repeatable()
    assert driver.results[Cell("broken", "as-is", 0)].cost == {"attempts": 2}
    assert len(list((tmp_path / "s").glob("logs/*"))) == 1  # an error takes no process with it


def test_a_worker_that_hangs_is_killed_and_its_cell_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(drivers, "ATTEMPTS", 1)  # a second one would hang as the first
    pids = []

    def see(driver, event):
        pids.extend(each.process.pid for each in driver.backend.processes)

    study = tiny(arms={"odd": odd("Hangs")}, seeds=1, patience=0.1)
    driver, events = drive(study, tmp_path / "s", see=see)
    assert kinds(events) == [("begins", SEED_0.id), ("result", SEED_0.id)]
    assert driver.results[SEED_0].state == "hung"
    assert driver.results[SEED_0].problem == "no step for 0.1 minutes, since step 0"
    assert all(gone(pid, 1) for pid in pids)


def test_lost_results_are_found_in_the_directories_of_their_cells(reference, copy):
    for damage in (
        lambda file: file.unlink(),
        lambda file: file.write_bytes(file.read_bytes()[:-40]),
        lambda file: file.write_text(""),
    ):
        damage(copy / "results.jsonl")
        driver, _ = drive(tiny(), copy, backend := Answers())
        assert backend.cells == []
        assert repeatable(driver) == repeatable(reference[0])
        assert len(read_results(copy / "results.jsonl").results) == 4


def test_a_cell_whose_result_is_nowhere_is_played_again(reference, copy):
    (copy / "results.jsonl").unlink()
    shutil.rmtree(copy / "cells" / "sn.as-is.1")
    (copy / "cells" / "none.as-is.0" / RESULT).write_text('{"arm": "none", "se')
    drive(tiny(), copy, backend := Answers())
    assert [cell.id for cell in backend.cells] == ["none.as-is.0", "sn.as-is.1"]


def test_other_metrics_are_read_of_finished_cells_without_playing_them(reference, copy):
    scores = {cell: result.scores for cell, result in reference[0].results.items()}
    metrics = {"worst": {"of": "score/modes", "at": "smallest"}, "seconds": {"of": "cost/seconds"}, "wobble": METRICS["wobble"]}
    driver, _ = drive(tiny(metrics=metrics), copy, backend := Answers())
    assert backend.cells == []
    for cell, result in driver.results.items():
        before = reference[0].results[cell]
        assert result.values == {"worst": min(row["modes"] for row in scores[cell]), "wobble": before.values["wobble"]}
        assert result.timed == {"seconds": before.cost["seconds"]}
        assert (result.scores, result.traces, result.cost) == (before.scores, before.traces, before.cost)
    driver, _ = drive(tiny(), copy, Answers())  # and back again
    assert repeatable(driver) == repeatable(reference[0])


def test_other_metrics_of_cells_that_are_no_longer_there_are_refused(copy):
    shutil.rmtree(copy / "cells" / "sn.as-is.1")
    drive(tiny(), copy, Answers())  # their results are, which is enough for the same metrics
    with pytest.raises(ConfigError, match=r"sn\.as-is\.1: the study's metrics have changed, and the cell is no longer there"):
        drive(tiny(metrics={"worst": {"of": "score/modes", "at": "smallest"}}), copy, Answers())
