"""Diagnosing: what the judge says of anyone's run, once or while it goes on."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from steadygan.applications.own_rules import own_optimizers, own_rules
from steadygan.diagnosis import Finding
from steadygan.diagnosis.course import Course
from steadygan.diagnosis.judge import judge
from steadygan.diagnosis.remedy import fitted, plainly
from steadygan.diagnosis.verdict import Verdict, Words
from steadygan.directory import RunDirectory
from steadygan.errors import DataError, UsageError
from steadygan.foreign import Reader, Translated, Wish, check_given, has_ended, read_logs, readers, translated
from steadygan.foreign.columns import Columns
from steadygan.foreign.log import Log
from steadygan.history import History

POLL = 2.0  # seconds between looks at a run that goes on
SHARE = 0.2  # of the time at most goes into judging

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Order:
    """What is to be judged.

    Attributes:
        path: a run of any kind; None where there are only images.
        given: series or unit -> column.
        samples, reals: folders of images through time, and of real ones.
        tile: side of one image in a grid of samples.
    """

    path: Path | None = None
    given: Mapping[str, str] = field(default_factory=dict)
    samples: Path | None = None
    reals: Path | None = None
    tile: int | None = None

    def check(self) -> None:
        """Raises UsageError for an order that makes no sense."""
        check_given(self.given)
        if self.path is None and self.samples is None:
            raise UsageError("diagnose: there is nothing to judge", "give a run's directory or log, or --samples and --reals")
        if (self.samples is None) != (self.reals is None):
            have, need = ("--samples", "--reals") if self.reals is None else ("--reals", "--samples")
            raise UsageError(f"{have}: {need} is missing", "samples are judged by how they differ from real images")
        if self.tile is not None and (self.tile < 1 or self.samples is None):
            raise UsageError(f"--tile {self.tile}: expected pixels above 0, with --samples")


@dataclass(frozen=True)
class Diagnosis:
    """What the judge says of one run.

    Attributes:
        run: what it was judged by.
        verdict: what the judge says.
    """

    run: Translated
    verdict: Verdict


def diagnose(order: Order, progress: Progress | None = None) -> list[Diagnosis]:
    """The verdicts on all runs that an order names.

    Args:
        order: what is to be judged.
        progress: called with (steps of the samples done, in all).

    Raises:
        UsageError: the order makes no sense, or what it names cannot be used.
    """
    order.check()
    runs = read_logs(order.path, order.given) if order.path else [Translated("", History(), Log(Columns(bool)))]
    if order.samples is not None and order.reals is not None:
        if len(runs) > 1:
            raise UsageError(f"--samples: {order.path} holds {len(runs)} runs", "give the one that the samples are of")
        runs = [with_images(runs[0], order.samples, order.reals, order.tile, progress)]
    return [diagnosis(run) for run in runs]


def diagnosis(run: Translated) -> Diagnosis:
    """The verdict on one run: one of ours by its own rules and in the keys of its config, others in plain words."""
    directory = RunDirectory(Path(run.log.where).parent)
    course, step = Course(run.history), int(run.history.last("step") or 0)
    if run.log.ours and directory.config.is_file():
        rules, notes = own_rules(directory.config)
        optimizers = own_optimizers(directory.config)
        findings = [in_place(fitted(finding, optimizers), directory) for finding in judge(course, rules)]
        return Diagnosis(replace(run, notes=[*run.notes, *notes]), Verdict.of(findings, course, step, rules=rules))
    words = words_for(directory) if run.log.ours else str
    return Diagnosis(run, Verdict.of([plainly(finding) for finding in judge(course)], course, step, words))


def words_for(directory: RunDirectory) -> Words:
    """What to call a series that is missing: in a monitor's run by the argument that it is measured from."""
    try:
        watched = "monitor" in json.loads(directory.environment.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        watched = False
    if not watched:
        return str
    from steadygan.monitor.words import argument  # torch comes with it

    return argument


def in_place(finding: Finding, directory: RunDirectory) -> Finding:
    """The finding with the checkpoint to go back to, where something is wrong and there is one."""
    try:
        state = json.loads((directory.checkpoint("safe") / "state.json").read_text(encoding="utf-8"))
        place = f"checkpoints/safe (step {state['step']:,})"
    except (OSError, ValueError, KeyError, TypeError):
        return finding
    return finding if finding.severity == "info" else replace(finding, go_back=place)


def with_images(run: Translated, samples: Path, reals: Path, tile: int | None, progress: Progress | None) -> Translated:
    """The run with what its images show; they stand at the steps that their names tell."""
    from steadygan.applications.gallery import gallery  # torch is needed here only

    shown = gallery(samples, reals, tile, progress)
    if run.log.factor != 1:
        shown.notes.append(f"The numbers in the names of the samples are taken for {run.log.unit}, like those of the log.")
    series = {name: (history.steps(name), history[name]) for history in (run.history,) for name in history.names()}
    for name in shown.history.names():
        steps = (shown.history.steps(name) * run.log.factor).astype(int)
        series[name] = steps, shown.history[name]
    return replace(run, history=History.of(series), notes=[*run.notes, *shown.notes])


class Watch:
    """Judges a run again and again while it goes on, from what was added to its log. Memory does not grow with the run.

    Args:
        order: what is to be judged; one run, without images.
        pause: called with the seconds to wait.

    Raises:
        UsageError: the order makes no sense, or its path does not hold exactly one run.
    """

    def __init__(self, order: Order, pause: Callable[[float], None] = time.sleep) -> None:
        order.check()
        if order.path is None or order.samples is not None:
            raise UsageError("--watch: images are not followed", "give the directory or the log of a run that goes on")
        self.order, self.path, self.pause = order, order.path, pause
        self.reader: Reader | None = None
        self._find()

    def diagnoses(self) -> Iterator[Diagnosis]:
        """What the judge says, each time that it says something else; it ends where the run of ours does."""
        said: object = None
        while True:
            ended, began = has_ended(self.path), time.monotonic()
            if (found := self._look()) is not None:
                says = gist(found.verdict)
                if says != said:
                    yield found
                said = says
            if ended:
                return
            self.pause(max(POLL, (time.monotonic() - began) / SHARE))

    def _find(self) -> None:
        """Find what to read; a directory or file that has nothing yet may have something later."""
        if self.path.is_file() and not self.path.stat().st_size:
            return
        try:
            found = readers(self.path, Wish(self.order.given, follow=True))
        except DataError:
            if not self.path.is_dir():
                raise
            return
        if len(found) > 1:
            raise UsageError(f"--watch: {self.path} holds {len(found)} runs: {', '.join(found)}", "give one of them")
        self.reader = next(iter(found.values()))

    def _look(self) -> Diagnosis | None:
        """The verdict on the run as it stands; None where nothing was added."""
        if self.reader is None:
            self._find()
        if self.reader is None or not self.reader.read():
            return None
        logs = [log for log in self.reader.logs() if [*log.columns, *log.columns.others]]
        if len(logs) > 1:
            raise UsageError(f"--watch: {self.path} holds {len(logs)} runs", "a table of one run can be followed")
        return diagnosis(translated(logs[0], self.order.given)) if logs else None


def gist(verdict: Verdict) -> object:
    """What makes one verdict differ from another for somebody who waits for news."""
    return verdict.word, sorted((finding.rule, finding.severity) for finding in verdict.findings)


def exit_code(found: Sequence[Diagnosis]) -> int:
    """3 where one of the runs failed, or else 0."""
    return 3 if any(one.verdict.failed for one in found) else 0
