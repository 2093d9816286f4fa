"""A real Ray of this machine with two worker processes, started once for the module."""

import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import pytest
from study_cells import STEPS, drive, odd, repeatable, task_of, tiny

from steadygan.errors import UsageError
from steadygan.study.driver import Driver
from steadygan.study.keeper import descendants
from steadygan.study.local import Local
from steadygan.study.on_ray import OnRay, probe
from steadygan.study.remote import study_directory
from steadygan.study.result import RESULT

pytest.importorskip("ray")
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # Ray's: pipes of the processes that it started


@pytest.fixture(scope="module")
def ray_of_two():
    """Ray is silent: nothing of it reaches the terminal."""
    handler = signal.getsignal(signal.SIGTERM)
    with tempfile.TemporaryFile() as file:
        saved = {number: os.dup(number) for number in (1, 2)}
        for number in saved:
            os.dup2(file.fileno(), number)
        try:
            first = OnRay(slots=2)
            yield first
            first.close()
        finally:
            for number, copy in saved.items():
                os.dup2(copy, number)
                os.close(copy)
        file.seek(0)
        assert file.read() == b""
    assert first.began
    assert not first.ray.is_initialized()
    assert signal.getsignal(signal.SIGTERM) is handler


@pytest.fixture
def on_ray(ray_of_two):
    """Another of the same Ray, which it leaves as it is."""
    backend = OnRay(slots=2)
    assert not backend.began
    yield backend
    assert backend.ray.is_initialized()


def workers():
    """The processes of Ray that play cells."""
    return [each for each in descendants(os.getpid()) if b"RayWorker" in Path(f"/proc/{each}/cmdline").read_bytes()]


def none_left():
    deadline = time.monotonic() + 30
    while workers() and time.monotonic() < deadline:
        time.sleep(0.1)
    return not workers()


def test_the_same_results_as_of_local_processes(ray_of_two, tmp_path):
    """Three slots on two processors: one cell waits, and must have the place of an actor that has become idle."""
    there, events = drive(tiny(), tmp_path / "ray", OnRay(slots=3))
    here, _ = drive(tiny(), tmp_path / "local", Local(1, tmp_path))
    assert len(there.results) == 4
    assert repeatable(there) == repeatable(here)
    assert {event.kind for event in events} <= {"begins", "step", "result"}
    assert none_left()


def test_a_study_at_a_url(on_ray, tmp_path):
    place, study = study_directory((tmp_path / "there").as_uri()), tiny(seeds=1)
    place.create(study)
    with place.lock():
        driver = Driver(study, place, on_ray)
        assert len([*driver.run()]) > 2
    on_ray.close()
    assert {result.state for result in driver.results.values()} == {"finished"}
    assert all((tmp_path / "there" / "cells" / cell.id / RESULT).is_file() for cell in study.cells())


def test_a_worker_that_is_killed_goes_on_from_its_last_checkpoint(on_ray, tmp_path):
    calls = tmp_path / "calls"
    study = tiny(seeds=1, arms={"a": odd("Dies", calls=calls)})
    there, events = drive(study, tmp_path / "ray", on_ray)
    assert [event.words[:24] for event in events if event.kind == "again"] == ["its Ray worker is lost: "]
    assert len(calls.read_text()) == 50 + STEPS - 40, "killed at step 50, it goes on from step 40"
    here, _ = drive(study, tmp_path / "local", Local(1, tmp_path))
    assert repeatable(there) == repeatable(here)
    assert none_left()


def test_a_study_that_is_stopped_goes_on_where_it_was(on_ray, tmp_path):
    calls, hurry = tmp_path / "calls", tmp_path / "hurry"
    study = tiny(seeds=1, arms={"a": odd("Dawdles", calls=calls, hurry=hurry)})
    driver, events = drive(study, tmp_path / "ray", on_ray, see=lambda driver, event: event.step and driver.stop())
    assert (events[-1].kind, driver.results) == ("interrupted", {})
    assert 0 < len(calls.read_text()) < STEPS
    hurry.touch()
    driver, _ = drive(study, tmp_path / "ray", OnRay(slots=2))
    assert [result.state for result in driver.results.values()] == ["finished"]
    assert len(calls.read_text()) == STEPS, "no step was played twice"


def test_a_process_that_hangs_is_ended_and_one_without_a_place_waits(on_ray, tmp_path):
    study = tiny(seeds=3, arms={"a": odd("Dawdles", calls=tmp_path / "calls", hurry=tmp_path / "hurry")})
    cells, steps, waiting = study.cells(), set(), set()
    for cell in cells:
        on_ray.submit(task_of(study, cell, tmp_path / "cells" / cell.id))
    while len(steps) < 2:
        messages = on_ray.wait(1)
        steps |= {message.cell for message in messages if message.step}
        waiting = {message.cell for message in messages if message.waits} or waiting
    assert len(waiting) == 1
    assert waiting | steps == set(cells)
    for process in workers():
        os.kill(process, signal.SIGSTOP)
    for cell in steps:
        on_ray.kill(cell)
    on_ray.stop()
    assert [(message.cell, message.stopped) for message in on_ray.wait(0)] == [(*waiting, True)]
    assert none_left()
    on_ray.close()


def test_a_config_that_asks_for_a_gpu_gets_one_where_there_is_one(on_ray, tmp_path, monkeypatch):
    study = tiny()
    task = {name: task_of(study, study.cells()[0], tmp_path, config={"device": name}) for name in ("cpu", "auto", "cuda")}
    assert {name: on_ray.gpus_for(each) for name, each in task.items()} == {"cpu": 0, "auto": 0, "cuda": 1}
    monkeypatch.setattr(on_ray, "_has", {"GPU": 1.0}.get)
    assert {name: on_ray.gpus_for(each) for name, each in task.items()} == {"cpu": 0, "auto": 1, "cuda": 1}


def test_an_address_that_does_not_answer(ray_of_two):
    since = time.monotonic()
    with pytest.raises(UsageError, match=r"ray: '127\.0\.0\.1:9' did not answer within 4 seconds"):
        probe("127.0.0.1:9", 4)
    assert time.monotonic() - since < 10
    with pytest.raises(UsageError, match="ray: 'nonsense' cannot be used: ValueError: Invalid address format: nonsense"):
        probe("nonsense", 60)


def test_ray_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError) as caught:
        OnRay()
    assert caught.value.hint == "pip install 'steadygan[ray]'"
