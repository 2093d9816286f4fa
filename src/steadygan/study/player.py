"""Playing one cell in this process, from its task to its result. Whoever hands it out, the result is the same."""

import json
import resource
import shutil
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from math import isfinite, nan
from pathlib import Path
from typing import Any

from steadygan.config import Config
from steadygan.custom import write_config
from steadygan.directory import RunDirectory, finite, write_json, write_text
from steadygan.errors import CheckpointError, SteadyganError
from steadygan.history import read_jsonl
from steadygan.launch import reopen, start
from steadygan.run import Run
from steadygan.study.alone import alone
from steadygan.study.cells import Cell
from steadygan.study.command import Program, filled, verdict_of
from steadygan.study.configs import fingerprint
from steadygan.study.digest import traces_of
from steadygan.study.measures import Measure, Traces, measured
from steadygan.study.result import RESULT, Result

Tell = Callable[[int], None]
Begun = Callable[[Callable[[], None]], None]
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

    def lap(self, counts: bool, wall: bool = False) -> None:
        """Time has passed since the last lap; `counts` where it was one step of training and nothing else, by the `wall` clock
        where the work is done by a device that the processor waits for."""
        now = (time.process_time(), time.monotonic())
        cpu, seconds = now[0] - self._mark[0], now[1] - self._mark[1]
        self._mark, self.total, self.seconds = now, self.total + cpu, self.seconds + seconds
        if counts:
            self.steps, self.training = self.steps + 1, self.training + (seconds if wall else cpu)

    def cost(self) -> dict[str, float]:
        """What it came to; no time a step where too few were timed."""
        told = {"cpu_seconds": round(self.total, 3), "seconds": round(self.seconds, 3)}
        return told | ({"ms_per_step": 1000 * self.training / self.steps} if self.steps >= LEAST_STEPS else {})

    def notes(self) -> dict[str, float]:
        """What a later session goes on from."""
        return {"steps": self.steps, "training": self.training, "total": self.total, "seconds": self.seconds}


def play(task: Task, tell: Tell, begun: Begun, saved: Callable[[], None] = lambda: None) -> Result | None:
    """Play a cell to its end, from its last checkpoint where there is one; None where it was asked to stop.

    Args:
        task: the cell.
        tell: told the step now and then.
        begun: given what ends it early, once it can be.
        saved: told that it has written a checkpoint.
    """
    place = RunDirectory(Path(task.place))
    with alone(place.path) as lock:
        if task.command:
            cost = commanded(task, place, lock, tell, begun)
            return None if cost is None else kept(task, result_of(task, verdict_of(place.path), place, cost))
        run, clock = opened(place, task)
        if run is not None:
            begun(run.stop)
            note = partial(note_clock, place, task, clock)
            follow(run, clock, tell, (note, saved))
            note()
            if run.outcome().interrupted:
                return None
        return kept(task, finished(task, place, clock.cost()))


def finished(task: Task, place: RunDirectory, cost: Mapping[str, float]) -> Result:
    """The result of a run of ours that has ended."""
    outcome = json.loads(place.outcome.read_text(encoding="utf-8"))
    return result_of(task, str(outcome["verdict"]), place, cost, int(outcome["step"]))


def commanded(task: Task, place: RunDirectory, lock: int, tell: Tell, begun: Begun) -> dict[str, float] | None:
    """What a cell cost that is somebody's own program; None where it was stopped. It begins anew each time."""
    if place.path.exists():
        shutil.rmtree(place.path)
    place.create()
    write_config(place, Config.of(task.config))
    program = Program(filled(task.command, place.config, place.path, task.cell.seed), place.path, lock)
    begun(program.stop)
    since, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    if not program.run(tell):
        return None
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_seconds": round(used, 3), "seconds": round(time.monotonic() - since, 3)}


def follow(run: Run, clock: Clock, tell: Tell, saved: Iterable[Callable[[], None]]) -> None:
    """Play a run and time its steps. A step counts where nothing was read, scored, drawn or saved before it.

    Args:
        run: it.
        clock: of all its sessions.
        tell: told each step.
        saved: all called upon each checkpoint.
    """
    config, busy = run.config, True  # the first step of a session warms up
    rests = (config.monitoring.every, config.monitoring.samples_every, config.checkpoints.every, config.evaluation.every)
    for event in run.play():
        if event.kind == "step":
            clock.lap(counts=not busy, wall=run.game.state.device.type != "cpu")
            busy = any(every and event.step % every == 0 for every in rests)
            tell(event.step)
        elif event.kind == "saved":
            for each in saved:
                each()
    clock.lap(counts=False)


def opened(place: RunDirectory, task: Task) -> tuple[Run | None, Clock]:
    """The run of a cell and its clock: a new one, or the one that is there where it stopped; None where that one has ended."""
    try:
        notes = json.loads(clock_file(place).read_text(encoding="utf-8"))
        if notes.pop("config") == task.fingerprint:
            return None if ended(place) else reopen(place.path), Clock(**notes)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, CheckpointError):
        pass  # nothing of use is there: killed before its first checkpoint, damaged, or of other settings
    if place.path.exists():
        shutil.rmtree(place.path)
    return start(Config.of(task.config), place.path), Clock()


def ended(place: RunDirectory) -> bool:
    """Whether a run has come to its end: its last step, numbers that are no longer finite, or a finding that ends it."""
    try:
        return not json.loads(place.outcome.read_text(encoding="utf-8"))["interrupted"]
    except (OSError, ValueError):
        return False


def note_clock(place: RunDirectory, task: Task, clock: Clock) -> None:
    """Write down the time of all sessions so far, and for which settings."""
    write_json(clock_file(place), {"config": task.fingerprint, **clock.notes()})


def clock_file(place: RunDirectory) -> Path:
    """Where the time of earlier sessions stands."""
    return place.path / "clock.json"


def result_of(task: Task, verdict: str, place: RunDirectory, cost: Mapping[str, float], last: int = 0) -> Result:
    """The result that the files of a cell make; where it diverged, every measure but cost has failed.

    Args:
        task: the cell.
        verdict: of its run.
        place: its directory.
        cost: what it came to.
        last: the step at which it ended; a run of ours that was scored before and not then has failed by its last score.
    """
    history, scores = rows_of(place.history), rows_of(place.metrics)
    missing = [] if not scores or scores[-1]["step"] >= last else [{**dict.fromkeys(scores[-1], nan), "step": last}]
    traces, diverged = Traces([*scores, *missing], history, cost), verdict == "NON-FINITE"
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
        "absent": [name for name, each in measures.items() if not traces.have(each)],
        "step": int(max([last, *(row["step"] for row in (*history, *scores))])),
        "values": {name: value for name, value in values.items() if measures[name].repeats},
        "timed": {name: value for name, value in values.items() if not measures[name].repeats},
        "scores": finite(scores),
        "traces": traces_of(history),
        "cost": dict(cost),
    }
    return Result.model_validate({**asdict(task.cell), **told})


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a history.jsonl or metrics.jsonl, which somebody's own program may have written.

    Raises:
        SteadyganError: a row is none, or has no step.
    """
    try:
        rows: list[dict[str, Any]] = read_jsonl(path)
        bad = [number for number, row in enumerate(rows, 1) if not isfinite(row["step"])]
    except (ValueError, TypeError, KeyError):
        bad = [0]
    if bad:
        raise SteadyganError(f"{path}: not every line is a JSON object with a 'step'", "write one for each reading")
    return rows


def kept(task: Task, result: Result) -> Result:
    """The result, written beside the run first."""
    write_text(Path(task.place) / RESULT, result.line())
    return result


def explained(error: BaseException) -> str:
    """What went wrong in a cell, with the place in the code."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = "".join(f" ({Path(frame.filename).name}, line {frame.lineno})" for frame in last)
    return f"{type(error).__name__}: {error}{place}".encode(errors="replace").decode()
