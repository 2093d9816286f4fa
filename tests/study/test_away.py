"""Cells whose directory is at a URL: stopped, killed and gone on with, and brought there in part."""

import pytest

pytest.importorskip("fsspec")
from study_cells import STEPS, odd, task_of, tiny

from steadygan.study import away
from steadygan.study.away import play_anywhere
from steadygan.study.result import RESULT
from steadygan.study.store import Store

pytestmark = pytest.mark.usefixtures("quick")


def test_a_cell_that_is_stopped_goes_on_at_the_url_wherever_it_is_played(memory, tmp_path):
    study = tiny(seeds=1, arms={"a": odd("Counted", calls=tmp_path / "calls")})
    (cell,) = study.cells()
    stops = []
    task = task_of(study, cell, f"{memory}/cells/{cell.id}")
    assert play_anywhere(task, lambda step: stops[0]() if step == 30 else None, stops.append) is None
    assert Store(task.place).listed() == [away.RESUME]
    result = play_anywhere(task, lambda step: None, lambda stop: None)
    assert result.step == len((tmp_path / "calls").read_text()) == STEPS
    assert RESULT in Store(task.place).listed()
    assert result.repeatable() == in_directory(study, cell, tmp_path).repeatable()


def in_directory(study, cell, tmp_path):
    return play_anywhere(task_of(study, cell, tmp_path / "cells" / cell.id), lambda step: None, lambda stop: None)


def test_checkpoints_are_brought_there_on_the_way(memory, tmp_path, monkeypatch):
    monkeypatch.setattr(away, "EVERY", 0.0)
    calls = tmp_path / "calls"
    study = tiny(seeds=1, arms={"a": odd("Counted", calls=calls)})
    (cell,) = study.cells()
    task = task_of(study, cell, f"{memory}/cells/{cell.id}")

    def dies(step):
        if step == 50:
            raise KeyboardInterrupt  # as good as a kill: nothing is done afterwards

    with pytest.raises(KeyboardInterrupt):
        play_anywhere(task, dies, lambda stop: None)
    assert play_anywhere(task, lambda step: None, lambda stop: None).step == STEPS
    assert len(calls.read_text()) == 50 + STEPS - 40


def test_a_checkpoint_that_came_there_in_part_is_none(memory, tmp_path):
    study = tiny(seeds=1, arms={"a": odd("Counted", calls=tmp_path / "calls")})
    (cell,) = study.cells()
    task = task_of(study, cell, f"{memory}/cells/{cell.id}")
    stops = []
    play_anywhere(task, lambda step: stops[0]() if step == 30 else None, stops.append)
    there = Store(task.place)
    whole = there.read(away.RESUME)
    there.files.pipe_file(there.path(away.RESUME), whole[: len(whole) // 2])
    assert play_anywhere(task, lambda step: None, lambda stop: None).step == STEPS
    assert len((tmp_path / "calls").read_text()) == 30 + STEPS


def test_a_cell_that_came_there_in_part_has_no_result(memory, monkeypatch):
    (cell, _) = tiny(seeds=1).cells()
    task = task_of(tiny(), cell, f"{memory}/cells/{cell.id}")
    there = Store(task.place)

    def put_file(here, path, original=there.files.put_file):
        if path.endswith("reals.png"):  # neither the first nor the last
            raise ConnectionError("away")
        original(here, path)

    monkeypatch.setattr(there.files, "put_file", put_file)
    with pytest.raises(ConnectionError):
        play_anywhere(task, lambda step: None, lambda stop: None)
    assert "config.yaml" in there.listed()
    assert RESULT not in there.listed()
