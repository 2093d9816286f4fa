"""Cells that are somebody's own program: a script of two ranks under torchrun, really started."""

import os
import signal
import sys
import textwrap
import time
from pathlib import Path

import pytest
from study_cells import drive, task_of, tiny

from steadygan.errors import SteadyganError
from steadygan.study.alone import alone
from steadygan.study.command import Program, telling
from steadygan.study.local import Local

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a keeper ends the group of its program alone")

RANKS = """
    import json, os, pathlib, sys, time
    import torch
    import torch.distributed as dist

    out, how, seed = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    (out / f"rank-{rank}").write_text(str(os.getpid()))
    total = torch.tensor(float(10 ** rank * (seed + 2)))
    dist.all_reduce(total)
    if how == "fails" and rank == 1:
        raise ValueError("rank one found no data")
    if rank == 0:
        with (out / "metrics.jsonl").open("w") as file:
            file.write(json.dumps({"step": 7, "total": total.item()}) + chr(10))
    while how == "hangs":
        time.sleep(0.1)
    dist.barrier()
    dist.destroy_process_group()
"""
TOTAL = {"total": {"of": "score/total", "higher_is_better": True}}


# A rank in a session of its own, as torchrun has them, and a parent that waits: much cheaper than two imports of torch.
LAUNCHER = """
    mkdir -p "$1"; setsid sh -c 'echo $$ > "$0/rank-0"; sleep 1000' "$1" &
    while [ ! -s "$1/rank-0" ]; do sleep 0.1; done
    echo '{"step": 7}' > "$1/metrics.jsonl"; wait
"""


@pytest.fixture
def study():
    """A study of one cell that is a command."""
    return lambda *command: tiny(command=command, arms={"a": []}, seeds=[1], metrics=TOTAL)


@pytest.fixture
def torchrun(study, tmp_path):
    """The same, with two ranks of torchrun that behave in one of the ways of the script above."""
    script = tmp_path / "ranks.py"
    script.write_text(textwrap.dedent(RANKS))
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
    return lambda how="ends": study(*launch, "{out}", how, "{seed}")


@pytest.fixture
def launcher(study):
    return study("bash", "-c", textwrap.dedent(LAUNCHER), "sh", "{out}")


@pytest.fixture
def ranks(tmp_path):
    """The process ids of the ranks."""
    return lambda: [int(path.read_text()) for path in (tmp_path / "study" / "cells" / "a.as-is.1").glob("rank-*")]


@pytest.fixture
def driven(tmp_path):
    """Drives a study, and hands the driver to `upon` once its cell is at step 7."""

    def drive_it(study, upon=lambda driver: None, again=lambda driver, words: None):
        def see(driver, event):
            if event.kind == "step" and event.step == 7:
                upon(driver)
            elif event.kind == "again":
                again(driver, event.words)

        driver, events = drive(study, tmp_path / "study", see=see)
        return driver.results, events

    return drive_it


def alive(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone_soon(processes):
    """Whether they all end; a keeper gives a program 5 seconds, and the machine may be busy."""
    deadline = time.monotonic() + 20
    while any(map(alive, processes)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not any(map(alive, processes))


def test_ranks_of_torchrun_make_one_result(torchrun, ranks, driven):
    results, _ = driven(torchrun())
    (result,) = results.values()
    assert (result.state, result.step, result.values) == ("finished", 7, {"total": 3.0 + 30.0})
    assert result.cost["cpu_seconds"] > 0.1  # that of the ranks counts: two imports of torch at the least
    assert len(ranks()) == 2
    assert gone_soon(ranks())


def test_a_rank_that_fails_is_a_crash_that_says_what_it_said(torchrun, ranks, driven):
    told = []

    def again(driver, words):
        told.append(words)
        driver.stop()

    driven(torchrun("fails"), again=again)
    assert "ValueError: rank one found no data" in told[0]
    assert gone_soon(ranks())


def test_an_asked_for_end_ends_every_process(launcher, ranks, driven):
    results, events = driven(launcher, lambda driver: driver.stop())
    assert (events[-1].kind, results) == ("interrupted", {})
    assert len(ranks()) == 1
    assert gone_soon(ranks())


def test_a_killed_worker_takes_every_rank_of_torchrun_with_it(torchrun, ranks, driven):
    """SIGKILL of the worker leaves nobody to end them but the keeper, and torchrun alone would leave them behind."""
    seen = []

    def upon(driver):
        seen.extend(ranks())
        os.kill(driver.backend.processes[0].process.pid, signal.SIGKILL)

    driven(torchrun("hangs"), upon, lambda driver, words: driver.stop())
    assert len(seen) == 2
    assert gone_soon(seen)


def test_a_cell_that_is_broken_off_leaves_no_process(launcher, ranks, tmp_path):
    backend, (cell,) = Local(1, tmp_path), launcher.cells()
    backend.submit(task_of(launcher, cell, tmp_path / "study" / "cells" / cell.id))
    while not any(message.step == 7 for message in backend.wait(1)):
        pass
    backend.kill(cell)
    assert len(ranks()) == 1
    assert gone_soon(ranks())
    backend.close()


def started(place, *words):
    place.mkdir(parents=True, exist_ok=True)
    with alone(place) as lock:
        return Program(words, place, lock).run(lambda _step: None)


def test_whatever_a_program_leaves_behind_is_ended(tmp_path, monkeypatch):
    """A session of its own, a parent that is gone, and deaf to SIGTERM."""
    script = "trap '' TERM; echo $$ > left; while true; do sleep 1; done"
    program = f"import subprocess, time; subprocess.Popen(['sh', '-c', {script!r}], start_new_session=True); time.sleep(1)"
    monkeypatch.chdir(tmp_path)
    started(tmp_path / "cell", sys.executable, "-c", program)
    assert not alive(int((tmp_path / "left").read_text()))


def test_a_score_before_the_last_step_is_the_same_when_it_is_read_again(study, tmp_path):
    write = """echo '{"step": 9, "total": 2}' > "$0/metrics.jsonl"; echo '{"step": 12, "loss": 1}' > "$0/history.jsonl" """
    once = study("sh", "-c", write, "{out}")
    for asked in (once, once.with_(metrics={**once.metrics, "loss": {"of": "history/loss"}})):
        driver, _ = drive(asked, tmp_path / "s")
        (result,) = driver.results.values()
        assert (result.step, result.values["total"]) == (12, 2.0)
    assert result.values["loss"] == 1.0


def test_exit_codes_and_last_words(tmp_path):
    with pytest.raises(SteadyganError, match="ended with code 3: going down"):
        started(tmp_path / "a", "sh", "-c", "echo going down; exit 3")
    with pytest.raises(SteadyganError, match=r"ended with code 137"):
        started(tmp_path / "b", "sh", "-c", "kill -9 $$")
    with pytest.raises(SteadyganError, match=r"'no-such-program' cannot be started \(there is no such program\)"):
        started(tmp_path / "c", "no-such-program")


def test_the_cause_is_told_and_not_what_came_of_it():
    log = """
W1123 torch/distributed/elastic/rendezvous: a long warning
[rank1]: Traceback (most recent call last):
[rank1]: package.errors.DataError: photos/ is empty
[rank0]: RuntimeError: [gloo] Connection closed by peer
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
"""
    assert telling(log) == "package.errors.DataError: photos/ is empty ... RuntimeError: [gloo] Connection closed by peer"
    assert telling("a\n" * 1000 + "killed\n") == "a\n" * 147 + "killed"


def test_metrics_of_a_program_are_its_steps(tmp_path):
    with alone(tmp_path / "cell") as lock:
        program = Program(["true"], tmp_path, lock)
        assert program.step() == 0
        (tmp_path / "metrics.jsonl").write_text('{"step": 5}\n{"st')
        assert program.step() == 5  # a line that is not yet whole is none
