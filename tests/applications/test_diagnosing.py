"""What is judged, once and while it goes on."""

import json
import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from steadygan.applications import diagnosing
from steadygan.applications.diagnosing import Order, Watch, diagnose, exit_code
from steadygan.diagnosis.judge import judge
from steadygan.errors import UsageError


def rows(n, start=0, value="0.7"):
    return "".join(f"{50 * i},{value},0.9\n" for i in range(start, start + n))


@pytest.fixture
def log(tmp_path):
    """A CSV of 30 readings, and `log.add(text)`."""

    class Log:
        path = tmp_path / "log.csv"

        def add(self, text):
            with self.path.open("a", encoding="utf-8") as file:
                file.write(text)

    made = Log()
    made.add("step,d_loss,g_loss\n" + rows(30))
    return made


def test_a_verdict_is_the_one_of_the_judge(log):
    log.add(rows(10, 30, "nan"))
    (found,) = diagnose(Order(log.path))
    assert found.verdict.word == "NON-FINITE"
    assert [item.verdict for item in found.verdict.findings] == [item.verdict for item in judge(found.run.history)]
    assert found.verdict.step == 1950
    assert "MODE-COLLAPSE" in found.verdict.not_judged
    assert exit_code([found]) == 3


def test_nothing_wrong(log):
    found = diagnose(Order(log.path))
    assert found[0].verdict.word == "HEALTHY"
    assert exit_code(found) == 0


def test_three_rows_are_too_early_to_tell(tmp_path):
    (tmp_path / "log.csv").write_text("step,d_loss\n0,0.5\n50,0.6\n100,0.4\n")
    (found,) = diagnose(Order(tmp_path / "log.csv"))
    assert found.verdict.word == "WARMING-UP"


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (Order(), "there is nothing to judge"),
        (Order(samples="a"), "--samples: --reals is missing"),
        (Order(path=".", reals="a"), "--reals: --samples is missing"),
        (Order(path=".", tile=3), "--tile 3"),
        (Order(samples="a", reals="b", tile=0), "--tile 0"),
        (Order(path=".", given={"nonsense/x": "a"}), "no series 'nonsense/x'"),
    ],
)
def test_orders_that_make_no_sense(order, words):
    with pytest.raises(UsageError, match=words):
        diagnose(order)


def test_it_needs_no_torch(log):
    code = [
        "import sys",
        "from pathlib import Path",
        "from steadygan.applications.diagnosing import Order, diagnose",
        f"diagnose(Order(Path({str(log.path)!r})))",
        "assert 'torch' not in sys.modules",
    ]
    subprocess.run([sys.executable, "-c", "; ".join(code)], check=True)


class Stop(Exception):
    """Ends a watch in a test."""


def watched(order, *events):
    """The verdicts of a watch during whose pauses these things happen."""
    happenings = iter(events)

    def pause(seconds):
        assert seconds >= diagnosing.POLL
        try:
            next(happenings)()
        except StopIteration:
            raise Stop from None

    diagnoses, found = Watch(order, pause).diagnoses(), []
    while True:
        try:
            found.append(next(diagnoses))
        except StopIteration:
            return found
        except Stop:
            return [*found, "stopped"]


def test_a_watch_tells_each_change_once(log):
    found = watched(
        Order(log.path),
        lambda: log.add(rows(10, 30)),
        lambda: log.add("2000,na"),
        lambda: log.add("n,nan\n" + rows(5, 41, "nan")),
        lambda: None,
        lambda: log.add(rows(5, 46, "nan")),
        lambda: log.add(rows(30, 51)),
    )
    assert [one if isinstance(one, str) else one.verdict.word for one in found] == [
        "HEALTHY",
        "NON-FINITE",
        "HEALTHY",
        "stopped",
    ]
    assert found[1].verdict.step == 2250


def test_a_watch_waits_for_what_is_not_there_yet(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    log = run / "log.csv"
    found = watched(Order(run), lambda: log.touch(), lambda: log.write_text("step,d_loss,g_loss\n" + rows(3)))
    assert found[0].verdict.word == "WARMING-UP"
    empty = tmp_path / "log"
    empty.touch()
    lines = "".join(json.dumps({"step": 50 * i, "d_loss": 0.7}) + "\n" for i in range(30))
    assert watched(Order(empty), lambda: empty.write_text(lines))[0].verdict.word == "HEALTHY"
    with pytest.raises(UsageError, match="no such file"):
        Watch(Order(tmp_path / "none"))


def test_a_watch_of_a_run_of_ours_ends_with_it(tmp_path):
    history, outcome = tmp_path / "history.jsonl", tmp_path / "outcome.json"
    history.write_text("".join(json.dumps({"step": 50 * i, "loss/generator": 0.5}) + "\n" for i in range(1, 21)))
    found = watched(Order(tmp_path), lambda: outcome.write_text(json.dumps({"interrupted": False})))
    assert [one.verdict.word for one in found] == ["HEALTHY"]
    assert [one.verdict.word for one in watched(Order(tmp_path))] == ["HEALTHY"]  # it had ended before


def test_a_watch_survives_a_resume_that_cuts_back(tmp_path):
    history = tmp_path / "history.jsonl"

    def write(n, value=0.5):
        new = tmp_path / "new"
        new.write_text("".join(json.dumps({"step": 50 * i, "loss/generator": value}) + "\n" for i in range(1, n)))
        os.replace(new, history)

    write(30, None)
    found = watched(Order(tmp_path), lambda: write(20))
    assert [one.verdict.word for one in found[:-1]] == ["NON-FINITE", "HEALTHY"]


def test_what_cannot_be_watched(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "log.csv").write_text("step,d_loss\n0,1\n")
    with pytest.raises(UsageError, match="holds 2 runs: a, b; give one of them"):
        Watch(Order(tmp_path))
    with pytest.raises(UsageError, match="images are not followed"):
        Watch(Order(tmp_path / "a", samples=tmp_path, reals=tmp_path))


def test_memory_does_not_grow_with_a_run_that_is_watched(tmp_path, monkeypatch):
    """Ten times as many readings take no more memory, once they are joined."""
    monkeypatch.setattr("steadygan.foreign.columns.KEPT", 2000)
    monkeypatch.setattr("steadygan.foreign.binning.LIMIT", 500)
    log = tmp_path / "log.csv"
    log.write_text("step,d_loss,g_loss\n")
    peaks = []

    def grow(start):
        with log.open("a") as file:
            for i in range(start, start + 2000):
                file.write(f"{50 * i},0.7,0.9\n")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.reset_peak()

    tracemalloc.start()
    watched(Order(log), *[lambda start=2000 * k: grow(start) for k in range(25)])
    tracemalloc.stop()
    assert np.mean(peaks[-3:]) < 1.2 * np.mean(peaks[4:7])
