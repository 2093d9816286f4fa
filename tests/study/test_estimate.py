"""What a study will take, where that is not known."""

import pytest
from study_cells import tiny

from steadygan.errors import ConfigError
from steadygan.study.estimate import Rehearsal, estimate


def test_of_somebody_elses_program_neither_time_nor_disk_is_told(monkeypatch):
    monkeypatch.setattr(Rehearsal, "time", lambda self, pair: pytest.fail(f"networks of ours were timed for {pair}"))
    study = tiny(command=["train.py", "--config", "{config}"])
    found = estimate(study, done=study.cells()[:1])
    assert (found.cells, found.left, found.timed) == (4, 3, 0)
    assert (found.seconds, found.disk, found.impossible) == ({}, 0, {})
    assert found.untimed == "cells run a program of your own"


def test_an_assignment_that_cannot_be_made_is_told_for_a_program_too():
    with pytest.raises(ConfigError, match="arm 'b' at setting 'as-is': stepz"):
        estimate(tiny(command=["train.py"], arms={"a": [], "b": ["stepz=1"]}))


def test_cells_of_ours_are_timed():
    found = estimate(tiny())
    assert found.timed == 2
    assert set(found.seconds) == {"none", "sn"}
    assert found.disk > 0
