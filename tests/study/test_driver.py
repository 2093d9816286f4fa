"""What a driver does with what a backend tells it; nothing is played here. `test_killing.py` has the real processes."""

import json
from collections import Counter, namedtuple

import pytest
from study_cells import Answers, drive, finished, repeatable, tiny

from steadygan.config import Config
from steadygan.errors import ConfigError, UsageError
from steadygan.study import driver as drivers
from steadygan.study.cells import Cell
from steadygan.study.local import Message
from steadygan.study.result import read_results
from steadygan.study.study import Study

A0, B0, A1, B1 = (Cell(arm, "as-is", seed) for seed in (0, 1) for arm in ("none", "sn"))


def kinds(events):
    return [(event.kind, event.cell.id) for event in events]


def lines(path):
    """The cells in results.jsonl, in order."""
    return [json.loads(line) for line in (path / "results.jsonl").read_text().splitlines()]


def ids(path):
    return [f"{each['arm']}.{each['setting']}.{each['seed']}" for each in lines(path)]


def crash(task):
    return Message(task.cell, problem="it broke")


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


def test_results_stand_in_the_order_of_the_cells_whoever_came_first(tmp_path):
    class Backwards(Answers):
        def wait(self, seconds):
            return super().wait(seconds)[::-1]

    drive(tiny(), tmp_path / "s", Backwards(slots=4))
    assert ids(tmp_path / "s") == ["none.as-is.0", "sn.as-is.0", "none.as-is.1", "sn.as-is.1"]


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


def test_a_crashed_cell_is_tried_once_more_and_then_reported_and_stops_no_other(tmp_path):
    def answer(task):
        return crash(task) if task.cell == B0 else finished(task)

    driver, events = drive(tiny(), tmp_path / "s", backend := Answers(answer))
    assert backend.cells == [A0, B0, B0, A1, B1]
    assert [event.words for event in events if event.kind == "again"] == ["it broke"]
    told = driver.results[B0]
    assert (told.state, told.problem, told.values, told.cost) == ("crashed", "it broke", {}, {"attempts": 2})
    assert not told.counts
    drive(tiny(), tmp_path / "s", later := Answers())
    assert later.cells == [B0]  # the next driver tries it again
    assert [each["state"] for each in lines(tmp_path / "s")] == ["finished"] * 4


def test_a_cell_that_crashes_once_is_finished_at_its_second_attempt(tmp_path):
    tried = Counter()

    def answer(task):
        tried[task.cell] += 1
        return crash(task) if tried[task.cell] == 1 else finished(task)

    driver, _ = drive(tiny(), tmp_path / "s", Answers(answer))
    assert {(each.state, each.cost["attempts"]) for each in driver.results.values()} == {("finished", 2)}


def test_a_diverged_cell_is_a_result_and_not_tried_again(tmp_path):
    drive(tiny(), tmp_path / "s", backend := Answers(lambda task: finished(task, state="diverged")))
    assert len(backend.cells) == 4
    drive(tiny(), tmp_path / "s", later := Answers())
    assert later.cells == []


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands; move it by adding to `now`."""

    class Clock:
        now = 1000.0

        def monotonic(self):
            return self.now

    one = Clock()
    monkeypatch.setattr(drivers, "time", one)
    return one


class Slow(Answers):
    """A backend that is silent for a while: each wait takes so many seconds, and `told` are the steps that it then tells."""

    def __init__(self, clock, seconds, told=(), slots=1):
        super().__init__(lambda task: None, slots)
        self.clock, self.seconds, self.told, self.since = clock, seconds, iter(told), []

    def wait(self, seconds):
        self.clock.now += self.seconds
        step = next(self.told, None)
        return [Message(self.cells[-1], step=step)] if step is not None else []

    def kill(self, cell):
        super().kill(cell)
        self.since.append(self.clock.now)


def test_a_cell_without_a_step_for_too_long_is_killed_and_tried_again_and_then_told_to_hang(tmp_path, clock):
    study = tiny(seeds=1, arms={"sn": []}, patience=2)
    driver, events = drive(study, tmp_path / "s", backend := Slow(clock, 50, told=[5, 9, 9, 9]))
    assert backend.killed == [B0, B0]
    assert backend.since == [1000 + 5 * 50, 1000 + 8 * 50]  # 2 minutes after step 9 was first told, and after the second start
    assert [event.words for event in events if event.kind == "again"] == ["no step for 2.5 minutes, since step 9"]
    assert (driver.results[B0].state, driver.results[B0].problem) == ("hung", "no step for 2.5 minutes, since step 0")
    drive(study, tmp_path / "s", later := Answers())
    assert later.cells == [B0]


def test_a_cell_that_moves_and_takes_longer_than_it_may_is_told_to_hang(tmp_path, clock):
    study = tiny(seeds=1, arms={"sn": []}, patience=2, minutes=3)
    driver, _ = drive(study, tmp_path / "s", backend := Slow(clock, 50, told=range(1, 100)))
    assert backend.since == [1000 + 4 * 50, 1000 + 8 * 50]
    assert driver.results[B0].problem == "not done after 3.3 minutes, at step 8"


def test_asked_to_stop_it_begins_no_more_and_waits_for_those_at_play(tmp_path):
    class Obedient(Answers):
        def __init__(self):
            super().__init__(lambda task: Message(task.cell, step=3), slots=2)

        def stop(self):
            super().stop()
            self.messages += [Message(task.cell, stopped=True) for task in self.tasks]

    driver, events = drive(tiny(), tmp_path / "s", backend := Obedient(), see=lambda driver, event: driver.stop())
    assert backend.cells == [A0]
    assert backend.stops == 1
    assert kinds(events) == [("begins", A0.id), ("step", A0.id), ("interrupted", A0.id)]
    assert driver.results == {}
    drive(tiny(), tmp_path / "s", later := Answers())
    assert later.cells == [A0, B0, A1, B1]


def test_a_cell_that_ends_while_it_is_asked_to_stop_has_its_result(tmp_path):
    driver, _ = drive(tiny(), tmp_path / "s", Answers(), see=lambda driver, event: driver.stop())
    assert list(driver.results) == [A0]


def test_asked_to_stop_a_cell_that_does_not_is_killed_a_while_later(tmp_path, clock):
    driver, events = drive(tiny(), tmp_path / "s", backend := Slow(clock, 25, [1]), see=lambda driver, event: driver.stop())
    assert backend.killed == [A0]
    assert backend.since == [1000 + 4 * 25]  # it was asked after the first wait, and a minute is over after three more
    assert kinds(events)[-1] == ("interrupted", A0.id)
    assert driver.results == {}


def test_a_cell_that_somebody_else_asked_to_stop_is_played_on_and_it_is_no_attempt(tmp_path):
    tried = Counter()

    def answer(task):
        tried[task.cell] += 1
        return Message(task.cell, stopped=True) if tried[task.cell] < 5 else finished(task)

    driver, events = drive(tiny(seeds=1, arms={"sn": []}), tmp_path / "s", Answers(answer))
    assert tried[B0] == 5
    assert [event.words for event in events if event.kind == "again"] == ["its process was asked to stop"] * 4
    assert (driver.results[B0].state, driver.results[B0].cost["attempts"]) == ("finished", 1)


def test_what_comes_of_a_cell_that_is_not_at_play_is_passed_over(tmp_path):
    strays = [Message(Cell("x", "y", 0), step=3), Message(A0, problem="late")]

    class Confused(Answers):
        def wait(self, seconds):
            return [*super().wait(seconds), *strays]

    driver, _ = drive(tiny(), tmp_path / "s", Confused())
    assert [each.state for each in driver.results.values()] == ["finished"] * 4


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


@pytest.mark.parametrize("cut", [1, 50, -1])
def test_a_results_file_cut_off_in_mid_line_costs_that_line_alone(cut, tmp_path):
    drive(tiny(), tmp_path / "s", Answers())
    file = tmp_path / "s" / "results.jsonl"
    whole = file.read_bytes()
    start = whole.rstrip().rfind(b"\n") + 1
    file.write_bytes(whole[: start + cut] if cut > 0 else whole[:-1])
    driver, _ = drive(tiny(), tmp_path / "s", later := Answers())
    if cut > 0:
        assert later.cells == [B1]
        assert driver.note == f"{file}: 1 lines could not be read; their cells are looked for in cells/"
    else:
        assert later.cells == []  # the line lacks its end and nothing else
        assert driver.note == ""
    assert file.read_bytes() == whole


def test_after_a_line_that_was_cut_off_the_next_one_begins_anew(tmp_path):
    def die(driver, event):
        if event.kind == "result":
            raise KeyboardInterrupt

    drive(tiny(), tmp_path / "s", Answers())
    file = tmp_path / "s" / "results.jsonl"
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(KeyboardInterrupt):
        drive(tiny(seeds=3), tmp_path / "s", Answers(), see=die)
    assert ids(tmp_path / "s") == [A0.id, B0.id, A1.id, B1.id]


def test_damage_is_gone_after_the_next_driver(tmp_path):
    drive(tiny(), tmp_path / "s", Answers())
    file = tmp_path / "s" / "results.jsonl"
    file.write_bytes(b"\x00\xff{\n" + file.read_bytes() + b'{"arm": "sn"')
    driver, _ = drive(tiny(), tmp_path / "s", later := Answers())
    assert (later.cells, driver.note) == ([], f"{file}: 2 lines could not be read; their cells are looked for in cells/")
    assert read_results(file).damaged == 0
    assert drive(tiny(), tmp_path / "s", Answers())[0].note == ""


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


def test_the_same_cells_give_the_same_file(tmp_path):
    for name, slots in (("s", 1), ("t", 3)):
        driver, _ = drive(tiny(), tmp_path / name, Answers(slots=slots))
        assert len(repeatable(driver)) == 4
    assert (tmp_path / "s" / "results.jsonl").read_bytes() == (tmp_path / "t" / "results.jsonl").read_bytes()
