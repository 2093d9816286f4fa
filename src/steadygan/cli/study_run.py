"""Running a study while showing it: one live table, or lines where the output is no terminal."""

import contextlib
import signal
import sys
import time
from collections.abc import Iterator
from statistics import median
from typing import Literal

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from steadygan.cli.console import console_for, working
from steadygan.errors import UsageError
from steadygan.status import duration
from steadygan.study.complete import without_series
from steadygan.study.conclusion import COMPARISON
from steadygan.study.configs import Configs
from steadygan.study.driver import Driver, Event
from steadygan.study.estimate import check_possible
from steadygan.study.local import Backend, Local
from steadygan.study.on_ray import OnRay
from steadygan.study.place import StudyDirectory
from steadygan.study.remote import study_directory
from steadygan.study.report import write_study_report
from steadygan.study.room import workers_for
from steadygan.study.study import Study, read_study
from steadygan.study.table import read_table, write_verdict

SECONDS_BETWEEN_LINES = 10
INTERRUPTED, CRASHED = 130, 1


def run_study(
    study: Study, out: str, on: Literal["local", "ray"], address: str | None, workers: int | None, limit: int | None
) -> int:
    """Run what is left of a study; returns the exit code: 0, 1 where a cell crashed twice, 130 where it was stopped."""
    console, place = console_for(), study_directory(out)
    with working("building every pair of arm and setting once"):
        check_possible(study)
    place.create(study)
    study = with_earlier_seeds(study, place, console)
    with place.lock():
        with opened(study, place, on, address, workers, console) as backend:
            driver = Driver(study, place, backend, limit)
            if driver.note:
                console.print(driver.note, highlight=False)
            with stopped_by_signals(driver):
                show = show_live if console.is_terminal else show_lines
                show(driver, console)
        return closed(driver, place, console)


def with_earlier_seeds(study: Study, place: StudyDirectory, console: Console) -> Study:
    """The study with the seeds that it had here before, so that fewer asked for now lose nothing."""
    earlier = [seed for seed in read_study(place.study).seeds if seed not in study.seeds]
    if earlier:
        console.print(f"seeds {', '.join(map(str, earlier))} of before are kept", highlight=False)
    return study.with_(seeds=tuple(sorted((*study.seeds, *earlier))) if earlier else study.seeds)


@contextlib.contextmanager
def opened(
    study: Study, place: StudyDirectory, on: str, address: str | None, workers: int | None, console: Console
) -> Iterator[Backend]:
    """The backend that was asked for, closed afterwards whatever happens."""
    backend: Backend
    if on == "ray":
        backend = OnRay(workers, address)
        console.print(f"{backend.slots} cells at once on Ray", highlight=False)
    elif address:
        raise UsageError(f"--address: {address!r} is given, and cells run on this machine", "add --on ray")
    else:
        number, why = workers_for(workers, on_gpu=Configs(study).on_gpu())
        console.print(f"{number} workers ({why}), one thread each", highlight=False)
        backend = Local(number, place.logs)
    try:
        yield backend
    finally:
        backend.close()


def show_live(driver: Driver, console: Console) -> None:
    """A bar over all cells, a row an arm, and what is at play; what goes wrong stays above."""
    bar = Progress(
        TextColumn("cells"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )
    whole = len(driver.todo)
    task, watch = bar.add_task("cells", total=whole, left=""), Watch(whole)
    table = arms_table(driver)
    with Live(console=console, refresh_per_second=4) as live:
        for event in driver.run():
            watch.hear(event)
            table = arms_table(driver) if event.kind == "result" else table
            bar.update(task, completed=watch.done, left=watch.left(driver))
            live.update(Group(bar, table, at_play(driver)))
            for said in watch.words(driver.study, event):
                live.console.print(said, highlight=False, markup=False)


def show_lines(driver: Driver, console: Console) -> None:
    """A line now and then, and one for each cell that went wrong."""
    watch, last = Watch(len(driver.todo)), time.monotonic()
    for event in driver.run():
        watch.hear(event)
        for said in watch.words(driver.study, event):
            console.print(said, highlight=False, markup=False, soft_wrap=True)
        if time.monotonic() - last > SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            line = f"{watch.done} of {watch.whole} cells, {duration(last - watch.since)}, {watch.left(driver)}"
            console.print(line, highlight=False, soft_wrap=True)


class Watch:
    """How far a study is, and how long it will take: the cells at play count for the part that they have done."""

    def __init__(self, whole: int) -> None:
        self.whole, self.done, self.since = whole, 0, time.monotonic()
        self._told: set[tuple[str, str]] = set()

    def hear(self, event: Event) -> None:
        """Take in an event."""
        self.done += event.kind == "result"

    def left(self, driver: Driver) -> str:
        """The time that is left, in words; nothing before the first cell is done."""
        parts = sum(running.step / running.task.config["steps"] for running in driver.running.values())
        if not self.done:
            return ""
        passed = time.monotonic() - self.since
        return f"about {duration(passed * (self.whole - self.done - parts) / (self.done + parts))} left"

    def words(self, study: Study, event: Event) -> Iterator[str]:
        """What an event leaves on the screen."""
        result = event.result
        if event.kind == "again":
            yield f"{event.cell.id}: {event.words}; trying once more"
        elif result is not None and not result.counts:
            yield f"{event.cell.id}: {result.state}: {result.problem}"
        elif result is not None:
            for metric, said in without_series(study, result).items():
                if (metric, result.setting) not in self._told:
                    self._told.add((metric, result.setting))
                    yield said


def arms_table(driver: Driver) -> Table:
    """One row an arm: cells done of all, how many failed by the main metric, and the median of those that did not."""
    metric = next(iter(driver.study.metrics))
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("arm", "cells", "failed", f"median {metric}"):
        table.add_column(name, justify="left" if name == "arm" else "right")
    for arm in driver.study.arms:
        found = [result.value(metric) for cell, result in driver.results.items() if cell.arm == arm and result.counts]
        values = [value for value in found if value is not None]
        table.add_row(arm, str(len(found)), str(len(found) - len(values)), f"{median(values):.4g}" if values else "-")
    return table


def at_play(driver: Driver) -> Text:
    """The cells that are being played, with their steps."""
    parts = [f"{cell.id} {running.step}/{running.task.config['steps']}" for cell, running in driver.running.items()]
    return Text("  ".join(parts), style="dim")


def closed(driver: Driver, place: StudyDirectory, console: Console) -> int:
    """Write verdict and report, and say how it ended."""
    broken = [result for result in driver.results.values() if not result.counts]
    left = len(driver.study.cells()) - len(driver.results)
    if any(result.counts for result in driver.results.values()):
        place.gather()
        table = read_table(place)
        write_verdict(place, table)
        page = write_study_report(place, table)
        place.publish()
        said = table.verdict.sentence if table.verdict else table.no_verdict * (table.study.name != COMPARISON)
        told = f"\n{said}" * bool(said) + f"\nreport in {place.name}/{page.name}"
        console.print(told, highlight=False, markup=False, soft_wrap=True)
    if driver.stopped:
        console.print(f"stopped with {left} cells left; the same command goes on", highlight=False)
        return INTERRUPTED
    if left:
        console.print(f"{left} cells are left; the same command goes on", highlight=False)
    if broken:
        console.print(
            f"{len(broken)} cells have no result, first {broken[0].cell.id}: {broken[0].problem}", highlight=False, markup=False
        )
    return CRASHED if broken else 0


@contextlib.contextmanager
def stopped_by_signals(driver: Driver) -> Iterator[None]:
    """Within it, the first Ctrl-C or SIGTERM ends the study with every cell at a checkpoint; a second Ctrl-C breaks off."""

    def stop(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        driver.stop()
        print("stopping after the steps at hand; Ctrl-C again breaks off", file=sys.stderr)

    before = {each: signal.signal(each, stop) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
