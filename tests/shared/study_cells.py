"""What the tests of studies share: a tiny study, cells that are played in this process, and a backend that answers at once."""

from collections import deque
from pathlib import Path

import odd_losses

from steadygan.study.cells import Cell
from steadygan.study.configs import Configs, fingerprint
from steadygan.study.driver import Driver
from steadygan.study.local import Local, Message
from steadygan.study.place import StudyDirectory
from steadygan.study.player import Task, play
from steadygan.study.result import Result
from steadygan.study.study import Study

STEPS = 60
SETTINGS = (
    f"steps={STEPS}",
    "network.width=16",
    "evaluation.every=20",
    "evaluation.n=200",
    "monitoring.every=20",
    "monitoring.samples_every=1000",
    "checkpoints.every=20",
)
METRICS = {
    "modes": {"of": "score/modes", "higher_is_better": True},
    "quality": {"of": "score/high_quality", "at": "best", "higher_is_better": True},
    "wobble": {"of": "history/wobble/logits", "at": "largest"},
    "ms": {"of": "cost/ms_per_step"},
}


def tiny(**changes) -> Study:
    """Two arms with two seeds on the ring; a cell takes half a second."""
    base = {"recipe": "ring", "set": list(SETTINGS)}
    settings = {"name": "tiny", "base": base, "arms": {"none": ["stabilizers=[]"], "sn": []}, "seeds": 2, "metrics": METRICS}
    return Study.of(settings | changes)


def odd(name: str, **settings) -> list[str]:
    """An arm with one of the odd losses."""
    return [f"loss={ {'name': f'{odd_losses.__file__}:{name}', **{key: str(value) for key, value in settings.items()}} }"]


def task_of(study: Study, cell: Cell, place: Path, **changes) -> Task:
    """The task of a cell that is played in `place`."""
    configs = Configs(study)
    measures = {name: measure.model_dump(mode="json") for name, measure in study.metrics.items()}
    fields = {"config": configs.mapping(cell), "fingerprint": configs.fingerprint(cell), "command": study.command, **changes}
    return Task(cell=cell, place=str(place), measures=measures, **fields)


def played(task: Task) -> Result | None:
    """Play a cell in this process, not told of anything."""
    return play(task, lambda step: None, lambda stop: None)


def steps_of(task):
    """Play a cell to its end: the result, and the steps that were played."""
    told = []
    return play(task, told.append, lambda stop: None), told


def finished(task: Task, **changes) -> Message:
    """A message with a result that nobody has played for."""
    told = {"state": "finished", "config": task.fingerprint, "measures": fingerprint(task.measures), **changes}
    values = dict.fromkeys(task.measures, 1.0)
    return Message(
        task.cell, result=Result(arm=task.cell.arm, setting=task.cell.setting, seed=task.cell.seed, values=values, **told)
    )


class Answers:
    """A backend that plays nothing: it asks `answer` for a message to each task; None is silence."""

    def __init__(self, answer=finished, slots=1):
        self.answer, self.slots = answer, slots
        self.tasks, self.killed, self.stops, self.messages = [], [], 0, deque()

    def submit(self, task):
        self.tasks.append(task)
        message = self.answer(task)
        if message is not None:
            self.messages.append(message)

    def wait(self, seconds):
        found = list(self.messages)
        self.messages.clear()
        return found

    def kill(self, cell):
        self.killed.append(cell)

    def stop(self):
        self.stops += 1

    def close(self):
        pass

    @property
    def cells(self):
        """The cells that were begun, in order."""
        return [task.cell for task in self.tasks]


def drive(study: Study, path: Path, backend=None, workers=1, limit=None, see=None) -> tuple[Driver, list]:
    """Run a study to its end: the driver and all events. `see` is shown the driver and each event as it comes."""
    place = StudyDirectory(path)
    place.create(study)
    backend = backend or Local(workers, place.logs)
    events = []
    with place.lock():
        try:
            driver = Driver(study, place, backend, limit)
            for event in driver.run():
                events.append(event)
                if see is not None:
                    see(driver, event)
        finally:
            backend.close()
    return driver, events


def repeatable(driver: Driver) -> dict[str, dict]:
    """What must come out the same, by cell."""
    return {cell.id: result.repeatable() for cell, result in driver.results.items()}
