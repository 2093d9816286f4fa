"""Which cells a driver begins, with a backend that plays nothing. `test_killing.py` has the real processes."""

from collections import Counter, namedtuple

import pytest
from study_cells import Answers, drive, tiny
from study_lines import A0, A1, B0, B1, ids

from steadygan.config import Config
from steadygan.errors import ConfigError, UsageError
from steadygan.study import driver as drivers
from steadygan.study.study import Study


def test_cells_are_begun_in_their_order_and_as_many_as_there_are_slots(tmp_path):
    driver, events = drive(tiny(), tmp_path / "s", backend := Answers(slots=3))
    assert backend.cells == [A0, B0, A1, B1]
    begun = [event.kind for event in events]
    assert begun == ["begins"] * 3 + ["result"] * 3 + ["begins", "result"]
    assert list(driver.results) == [A0, B0, A1, B1]


def test_a_task_holds_all_that_a_cell_needs(tmp_path):
    _, _ = drive(tiny(), tmp_path / "s", backend := Answers())
    task = backend.tasks[3]
    assert task.config["seed"] == 1
    assert Config.of(task.config).steps == 60
    assert task.place == str(tmp_path / "s" / "cells" / "sn.as-is.1")
    assert list(task.measures) == list(tiny().metrics)
    assert task.fingerprint != backend.tasks[0].fingerprint


def test_a_finished_study_is_not_begun_again(tmp_path):
    drive(tiny(), tmp_path / "s", Answers())
    before = (tmp_path / "s" / "results.jsonl").read_bytes()
    _, events = drive(tiny(), tmp_path / "s", again := Answers())
    assert (events, again.cells) == ([], [])
    assert (tmp_path / "s" / "results.jsonl").read_bytes() == before


def test_more_seeds_arms_and_settings_run_the_new_cells_alone(tmp_path):
    drive(tiny(), tmp_path / "s", Answers())
    drive(tiny(seeds=3), tmp_path / "s", more := Answers())
    assert [cell.id for cell in more.cells] == ["none.as-is.2", "sn.as-is.2"]
    arms = {"r1": ["stabilizers+=r1"], "none": ["stabilizers=[]"], "sn": []}
    drive(tiny(arms=arms, seeds=3), tmp_path / "s", more := Answers())
    assert [cell.id for cell in more.cells] == ["r1.as-is.0", "r1.as-is.1", "r1.as-is.2"]
    settings = {"as-is": [], "long": ["steps=70"]}
    drive(tiny(arms=arms, settings=settings, seeds=1), tmp_path / "s", more := Answers())
    assert [cell.id for cell in more.cells] == ["r1.long.0", "none.long.0", "sn.long.0"]


def test_fewer_seeds_or_arms_keep_the_lines_of_the_rest(tmp_path):
    drive(tiny(), tmp_path / "s", Answers())
    driver, _ = drive(tiny(seeds=[1], arms={"sn": []}), tmp_path / "s", Answers())
    assert list(driver.results) == [B1]
    assert ids(tmp_path / "s") == ["sn.as-is.1", "none.as-is.0", "sn.as-is.0", "none.as-is.1"]
    drive(tiny(), tmp_path / "s", again := Answers())
    assert again.cells == []


def test_other_settings_under_the_same_name_are_refused(tmp_path):
    drive(tiny(), tmp_path / "s", Answers())
    before = (tmp_path / "s" / "results.jsonl").read_bytes()
    for changes in ({"arms": {"none": ["stabilizers=[]"], "sn": ["ema=0.5"]}}, {"base": {"recipe": "ring"}}):
        said = r"cells/(none|sn)\.as-is\.0: it was run with other settings .*give the arm or setting another name"
        with pytest.raises(ConfigError, match=said):
            drive(tiny(**changes), tmp_path / "s", Answers())
    assert (tmp_path / "s" / "results.jsonl").read_bytes() == before


def test_an_assignment_that_cannot_be_made_is_told_before_any_cell_is_begun(tmp_path):
    with pytest.raises(ConfigError, match=r"^arm 'typo' at setting 'as-is': stepz: there is no such setting"):
        drive(tiny(arms={"sn": [], "typo": ["stepz=3"]}), tmp_path / "s", backend := Answers())
    assert backend.cells == []


def test_a_limit_runs_so_many_cells_and_the_rest_another_time(tmp_path):
    for limit, begun in ((0, []), (3, [A0, B0, A1]), (3, [B1]), (3, [])):
        drive(tiny(), tmp_path / "s", backend := Answers(), limit=limit)
        assert backend.cells == begun


def test_on_a_full_disk_no_cell_is_begun(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    free = iter([10**9, 10**9, 10 * 2**20])
    monkeypatch.setattr(drivers.shutil, "disk_usage", lambda path: usage(0, 0, next(free)))
    with pytest.raises(UsageError, match=r"s: 10 MiB of disk are left, a cell wants 64; make room .*no finished cell is lost"):
        drive(tiny(), tmp_path / "s", backend := Answers())
    assert backend.cells == [A0, B0]
    assert ids(tmp_path / "s") == [A0.id, B0.id]
    monkeypatch.undo()
    drive(tiny(), tmp_path / "s", later := Answers())
    assert later.cells == [A1, B1]


def test_the_work_of_a_driver_grows_with_its_cells_and_no_faster(tmp_path, monkeypatch):
    made = Counter()
    for owner, name in ((Config, "of"), (Study, "cells"), (Study, "pairs"), (Study, "why_not")):
        real = getattr(owner, name)

        def counted(*arguments, real=real, name=name):
            made[name] += 1
            return real(*arguments)

        monkeypatch.setattr(owner, name, staticmethod(counted) if owner is Config else counted)
    study = tiny(seeds=50, settings={name: [] for name in "ABCDE"})
    drive(study, tmp_path / "s", backend := Answers(slots=4))
    drive(study, tmp_path / "s", Answers())
    assert len(backend.cells) == 500
    assert made["of"] <= 2 * 10 + 2  # a config for each pair and driver, and the recipe
    assert made["cells"] <= 2 * 5  # the list of cells a few times a driver
    assert made["why_not"] <= made["pairs"] * 10  # and not once for each cell of each cell
