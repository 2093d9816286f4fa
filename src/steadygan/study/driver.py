"""The driver: hands a study's cells to a backend and keeps what comes back. A generator of events, like a run."""

import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from steadygan.directory import RunDirectory
from steadygan.errors import ConfigError, UsageError
from steadygan.study.cells import Cell
from steadygan.study.configs import Configs, auto_of, fingerprint, note_auto
from steadygan.study.local import GRACE, Backend, Message
from steadygan.study.place import StudyDirectory
from steadygan.study.player import Task, result_of
from steadygan.study.result import Result, write_results
from steadygan.study.study import Study

ATTEMPTS = 2  # a crash may be the machine's; twice is the cell's
LEAST_ROOM = 64 * 2**20  # bytes
GLANCE = 0.5  # seconds between two looks at what hangs


@dataclass(frozen=True)
class Event:
    """Something that happened to a cell: it `begins`, is at a `step`, has a `result`, is tried `again`, or is `interrupted`."""

    kind: Literal["begins", "step", "result", "again", "interrupted"]
    cell: Cell
    step: int = 0
    result: Result | None = None
    words: str = ""


@dataclass
class Running:
    """A cell at play: its task, when it began and when it last moved."""

    task: Task
    since: float
    moved: float
    step: int = 0


class Driver:
    """A study that is being run. Iterate over `run()`; call `stop()` to end it with every cell at a checkpoint.

    Args:
        study: what is run.
        place: where; made and locked already.
        backend: what plays the cells.
        limit: cells to run now; the rest another time.
    """

    def __init__(self, study: Study, place: StudyDirectory, backend: Backend, limit: int | None = None) -> None:
        self.study, self.place, self.backend = study, place, backend
        self.configs = Configs(study, auto_of(place.planned))
        deque(self.configs.all(), maxlen=0)  # each is made now: an assignment that cannot be made stops nothing half-way
        self.results, self.others, self.note = taken_up(study, place, self.task)
        self.todo = deque([cell for cell in study.cells() if cell not in self.results][:limit])
        self.running: dict[Cell, Running] = {}
        self.attempts: dict[Cell, int] = {}
        self.stopped = False
        self._asked = 0.0  # when the backend was asked to stop

    def stop(self) -> None:
        """Begin no more cells, and end those at play after the step at hand, with a checkpoint."""
        self.stopped = True  # the rest is done between two messages: a signal handler may call this in the midst of one

    def run(self) -> Iterator[Event]:
        """Everything that happens until all cells have a result, or it is stopped."""
        anew = not self.results and not any(each.counts for each in self.others)
        self.place.begin(self.study, anew)
        if anew:
            note_auto(self.place.planned, self.configs)
        self._write()
        while (self.todo and not self.stopped) or self.running:
            if self.stopped and not self._asked:
                self._asked = time.monotonic()
                self.backend.stop()
            yield from self._fill()
            for message in self.backend.wait(GLANCE):
                yield from self._hear(message)
            yield from self._look_for_hanging()
        self._write()

    def task(self, cell: Cell) -> Task:
        """What a worker needs to play a cell."""
        measures = {name: measure.model_dump(mode="json") for name, measure in self.study.metrics.items()}
        config, place = self.configs.mapping(cell), self.place.home(cell)
        return Task(cell, config, self.configs.fingerprint(cell), place, measures, self.study.command)

    def _write(self) -> None:
        """All results in the order of the study's cells, whoever played them and when."""
        known = (self.results[cell] for cell in self.study.cells() if cell in self.results)
        write_results(self.place.results, [*known, *(each for each in self.others if each.cell not in self.results)])
        self.place.publish()

    def _fill(self) -> Iterator[Event]:
        while self.todo and not self.stopped and len(self.running) < self.backend.slots:
            check_room(self.place.path)
            cell, now = self.todo.popleft(), time.monotonic()
            self.attempts[cell] = self.attempts.get(cell, 0) + 1
            self.running[cell] = Running(self.task(cell), now, now)
            self.backend.submit(self.running[cell].task)
            yield Event("begins", cell)

    def _hear(self, message: Message) -> Iterator[Event]:
        running = self.running.get(message.cell)
        if running is None:
            return
        if message.waits:
            running.since = running.moved = time.monotonic()
            return
        if message.step is not None:
            if message.step != running.step:
                running.step, running.moved = message.step, time.monotonic()
            yield Event("step", message.cell, message.step)
            return
        del self.running[message.cell]
        if message.result is not None:
            yield self._keep(message.result)
        elif self.stopped:
            yield Event("interrupted", message.cell)
        elif message.stopped:  # somebody else's wish, such as a scheduler's
            self.attempts[message.cell] -= 1
            self.todo.appendleft(message.cell)
            yield Event("again", message.cell, running.step, words="its process was asked to stop")
        else:
            yield self._again(running.task, "crashed", message.problem)

    def _look_for_hanging(self) -> Iterator[Event]:
        now = time.monotonic()
        given_up = bool(self._asked) and now - self._asked > GRACE
        for cell, running in list(self.running.items()):
            problem = self._overdue(running, now)
            if problem or given_up:
                self.backend.kill(cell)
                del self.running[cell]
                yield Event("interrupted", cell, running.step) if given_up else self._again(running.task, "hung", problem)

    def _overdue(self, running: Running, now: float) -> str:
        """In what way a cell takes too long; "" where it does not."""
        silent, whole = (now - running.moved) / 60, (now - running.since) / 60
        if silent > self.study.patience:
            return f"no step for {silent:.1f} minutes, since step {running.step}"
        if self.study.minutes is not None and whole > self.study.minutes:
            return f"not done after {whole:.1f} minutes, at step {running.step}"
        return ""

    def _again(self, task: Task, state: Literal["crashed", "hung"], problem: str) -> Event:
        """Try a cell once more, or give it up."""
        cell = task.cell
        if self.attempts[cell] < ATTEMPTS and not self.stopped:
            self.todo.appendleft(cell)
            return Event("again", cell, words=problem)
        result = Result(
            arm=cell.arm, setting=cell.setting, seed=cell.seed, state=state, config=task.fingerprint, problem=problem
        )
        return self._keep(result)

    def _keep(self, result: Result) -> Event:
        tried = self.attempts.get(result.cell, 1)
        result = result.with_(cost={**result.cost, "attempts": tried})
        self.results[result.cell] = result
        with self.place.results.open("a", encoding="utf-8") as file:
            file.write(result.line())
        self.place.publish(soon=True)
        return Event("result", result.cell, result.step, result)


def taken_up(study: Study, place: StudyDirectory, task: Callable[[Cell], Task]) -> tuple[dict[Cell, Result], list[Result], str]:
    """The results that are there already, by cell; those that count for nothing now; and what was wrong, in words.

    A crashed or hung cell is tried anew, and is told as such until then. A cell whose line was lost is found by the result in
    its own directory.

    Raises:
        ConfigError: a cell of the same name was run with other settings.
    """
    asked = dict.fromkeys(study.cells())
    ledger = place.ledger(asked)
    done = ledger.done
    kept = {cell: up_to_date(done[cell], task(cell), place) for cell in asked if cell in done}
    others = [result for cell, result in ledger.results.items() if cell not in kept]
    lost = f"{place.results}: {ledger.damaged} lines could not be read; their cells are looked for in cells/"
    return kept, others, lost * bool(ledger.damaged)


def up_to_date(result: Result, task: Task, study: StudyDirectory) -> Result:
    """A result with the values that the study asks for now; they are read again where its metrics have changed."""
    if result.config != task.fingerprint:
        problem = f"{task.place}: it was run with other settings than the study has now"
        raise ConfigError(problem, "name another --out, or give the arm or setting another name")
    if result.measures == fingerprint(task.measures):
        return result
    place = RunDirectory(study.bring(task.cell))
    if not place.config.is_file():
        problem = f"{place.path}: the study's metrics have changed, and the cell is no longer there to be read again"
        raise ConfigError(problem, "name another --out")
    last = 0 if task.command else result.step  # somebody else's program need not have been scored at its last step
    return result_of(task, result.verdict, place, result.cost, last)


def check_room(path: Path) -> None:
    """Refuses to begin a cell on a disk that is full: it would be lost, and the next one too."""
    free = shutil.disk_usage(path).free
    if free < LEAST_ROOM:
        problem = f"{path}: {free / 2**20:.0f} MiB of disk are left, a cell wants {LEAST_ROOM / 2**20:.0f}"
        raise UsageError(problem, "make room and run the same command again: no finished cell is lost")
