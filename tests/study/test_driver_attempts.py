"""What a driver does with cells that crash, hang or are asked to stop; nothing is played here."""

from collections import Counter

import pytest
from study_cells import Answers, drive, finished, tiny
from study_lines import A0, A1, B0, B1, lines

from steadygan.study import driver as drivers
from steadygan.study.cells import Cell
from steadygan.study.local import Message


def kinds(events):
    return [(event.kind, event.cell.id) for event in events]


def crash(task):
    return Message(task.cell, problem="it broke")


def test_a_crashed_cell_is_tried_once_more_and_then_reported_and_stops_no_other(tmp_path):
    def answer(task):
        return crash(task) if task.cell == B0 else finished(task)

    driver, events = drive(tiny(), tmp_path / "s", backend := Answers(answer))
    assert backend.cells == [A0, B0, B0, A1, B1]
    assert [event.words for event in events if event.kind == "again"] == ["it broke"]
    told = driver.results[B0]
    assert (told.state, told.problem, told.values, told.cost) == ("crashed", "it broke", {}, {"attempts": 2})
    assert not told.counts
    drive(tiny(), tmp_path / "s", Answers(), limit=0)
    assert [each["state"] for each in lines(tmp_path / "s")] == ["finished"] * 3 + ["crashed"]  # told until it is tried
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
