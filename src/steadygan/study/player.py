"""Playing one cell in this process, from its task to its result. Whoever hands it out, the result is the same."""

import fcntl
import json
import os
import resource
import shutil
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from steadygan.config import Config
from steadygan.custom import write_config
from steadygan.directory import RunDirectory, write_json, write_text
from steadygan.errors import SteadyganError
from steadygan.history import read_jsonl
from steadygan.launch import reopen, start
from steadygan.run import Run
from steadygan.study.cells import Cell
from steadygan.study.command import Program, filled, verdict_of
from steadygan.study.configs import fingerprint
from steadygan.study.digest import traces_of
from steadygan.study.measures import Measure, Traces, measured
from steadygan.study.result import Result

Tell = Callable[[int], None]
Begun = Callable[[Callable[[], None]], None]
RESULT = "result.json"  # in the directory of a cell, once it has one
LEAST_STEPS = 20  # that were timed, for a time a step


@dataclass(frozen=True)
class Task:
    """Everything that a worker needs to play a cell, on whatever machine; goes to JSON and back.

    Attributes:
        cell: which.
        config: its settings, as a plain mapping; `fingerprint`: of them, whatever the seed.
        place: its run directory.
        measures: the study's, by name.
        command: in place of a run of ours, filled in; none for a run.
    """

    cell: Cell
    config: Mapping[str, Any]
    fingerprint: str
    place: str
    measures: Mapping[str, Mapping[str, Any]]
    command: tuple[str, ...] = ()

    def json(self) -> str:
        """As one line."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, line: str) -> "Task":
        """The task that `json` came from."""
        found = json.loads(line)
        return cls(**{**found, "cell": Cell(**found["cell"]), "command": tuple(found["command"])})


@dataclass
class Clock:
    """Processor time of steps in which nothing but training happened, and of everything."""

    steps: int = 0
    training: float = 0.0
    total: float = 0.0
    seconds: float = 0.0
    _mark: tuple[float, float] = field(default_factory=lambda: (time.process_time(), time.monotonic()))

    def lap(self, counts: bool) -> None:
        """Time has passed since the last lap; `counts` where it was one step of training and nothing else."""
        now = (time.process_time(), time.monotonic())
        cpu, wall = now[0] - self._mark[0], now[1] - self._mark[1]
        self._mark, self.total, self.seconds = now, self.total + cpu, self.seconds + wall
        if counts:
            self.steps, self.training = self.steps + 1, self.training + cpu

    def cost(self) -> dict[str, float]:
        """What it came to; no time a step where too few were timed."""
        told = {"cpu_seconds": round(self.total, 3), "seconds": round(self.seconds, 3)}
        return told | ({"ms_per_step": 1000 * self.training / self.steps} if self.steps >= LEAST_STEPS else {})

    def notes(self) -> dict[str, float]:
        """What a later session goes on from."""
        return {"steps": self.steps, "training": self.training, "total": self.total, "seconds": self.seconds}


def play(task: Task, tell: Tell, begun: Begun) -> Result | None:
    """Play a cell to its end, from its last checkpoint where there is one; None where it was asked to stop.

    Args:
        task: the cell.
        tell: told the step now and then.
        begun: given what ends it early, once it can be.
    """
    place = RunDirectory(Path(task.place))
    if task.command:
        cost = commanded(task, place, tell, begun)
        return None if cost is None else kept(task, result_of(task, verdict_of(place.path), place, cost))
    with alone(place.path):
        run, clock = opened(place, task)
        if run is not None:
            begun(run.stop)
            follow(run, clock, tell, lambda: write_json(clock_file(place), {"config": task.fingerprint, **clock.notes()}))
            if run.outcome().interrupted:
                return None
        return kept(task, finished(task, place, clock.cost()))


def finished(task: Task, place: RunDirectory, cost: Mapping[str, float]) -> Result:
    """The result of a run of ours that has ended."""
    return result_of(task, str(json.loads(place.outcome.read_text(encoding="utf-8"))["verdict"]), place, cost)


@contextmanager
def alone(place: Path) -> Iterator[None]:
    """Within it, no other process plays this cell: the worker of a killed driver may still be writing a checkpoint."""
    locks = place.parent / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    file = os.open(locks / place.name, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def commanded(task: Task, place: RunDirectory, tell: Tell, begun: Begun) -> dict[str, float] | None:
    """What a cell cost that is somebody's own program; None where it was stopped. It begins anew each time."""
    if place.path.exists():
        shutil.rmtree(place.path)
    place.create()
    write_config(place, Config.of(task.config))
    program = Program(filled(task.command, place.config, place.path, task.cell.seed), place.path)
    begun(program.stop)
    since, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    if not program.run(tell):
        return None
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_seconds": round(used, 3), "seconds": round(time.monotonic() - since, 3)}


def follow(run: Run, clock: Clock, tell: Tell, save: Callable[[], None]) -> None:
    """Play a run and time its steps. A step counts where nothing was read, scored, drawn or saved before it."""
    config, busy = run.config, True  # the first step of a session warms up
    rests = (config.monitoring.every, config.monitoring.samples_every, config.checkpoints.every, config.evaluation.every)
    for event in run.play():
        if event.kind == "step":
            clock.lap(counts=not busy)
            busy = any(every and event.step % every == 0 for every in rests)
            tell(event.step)
        elif event.kind == "saved":
            save()
    clock.lap(counts=False)
    save()


def opened(place: RunDirectory, task: Task) -> tuple[Run | None, Clock]:
    """The run of a cell and its clock: a new one, or the one that is there where it stopped; None where that one has ended."""
    try:
        notes = json.loads(clock_file(place).read_text(encoding="utf-8"))
        if notes.pop("config") == task.fingerprint:
            ended = finished_at(place, int(task.config["steps"]))
            return None if ended else reopen(place.path), Clock(**notes)
    except (OSError, ValueError, KeyError, TypeError, SteadyganError):
        pass  # nothing of use is there: it was killed before its first checkpoint, or is another study's
    if place.path.exists():
        shutil.rmtree(place.path)
    return start(Config.of(task.config), place.path), Clock()


def finished_at(place: RunDirectory, steps: int) -> bool:
    """Whether a run has come to its end: its last step, or numbers that are no longer finite."""
    try:
        outcome = json.loads(place.outcome.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return not outcome["interrupted"] and (outcome["step"] >= steps or outcome["verdict"] == "NON-FINITE")


def clock_file(place: RunDirectory) -> Path:
    """Where the time of earlier sessions stands."""
    return place.path / "clock.json"


def result_of(task: Task, verdict: str, place: RunDirectory, cost: Mapping[str, float]) -> Result:
    """The result that the files of a cell make; where it diverged, every measure but cost has failed."""
    history, scores = read_jsonl(place.history), read_jsonl(place.metrics)
    traces, diverged = Traces(scores, history, cost), verdict == "NON-FINITE"
    measures = {name: Measure.model_validate(each) for name, each in task.measures.items()}
    values = {
        name: None if diverged and not each.of.startswith("cost/") else measured(each, traces)
        for name, each in measures.items()
    }
    told = {
        "state": "diverged" if diverged else "finished",
        "config": task.fingerprint,
        "measures": fingerprint(task.measures),
        "verdict": verdict,
        "step": int(max((row["step"] for row in (*history, *scores)), default=0)),
        "values": {name: value for name, value in values.items() if measures[name].repeats},
        "timed": {name: value for name, value in values.items() if not measures[name].repeats},
        "scores": scores,
        "traces": traces_of(history),
        "cost": dict(cost),
    }
    return Result.model_validate({**asdict(task.cell), **told})


def kept(task: Task, result: Result) -> Result:
    """The result, written beside the run first."""
    write_text(Path(task.place) / RESULT, result.line())
    return result


def explained(error: BaseException) -> str:
    """What went wrong in a cell, with the place in the code."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = "".join(f" ({Path(frame.filename).name}, line {frame.lineno})" for frame in last)
    return f"{type(error).__name__}: {error}{place}"
