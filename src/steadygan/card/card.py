"""The card: every table of how often the judge is right, made from a directory of labelled runs."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steadygan.card.folk import FOLK
from steadygan.card.replay import replay
from steadygan.card.runs import load, paths
from steadygan.card.scores import Heard, Row, by_verdict, folk, injected, leads, scores
from steadygan.card.tiers import TIERS
from steadygan.errors import DataError, UsageError
from steadygan.share import Share

PROTOCOL = """A sick run is detected if an alarm (a warning or a failure) stands from 200 steps before its truth fails on; its
headline is the commonest of the eight readings from there, right if it is among those that the samples or the known cause
make right. A false alarm is one whose headline is not right, in a run that is stable to its end and to which nothing was
done. A lead is the number of steps from the alarm to the failure of the truth, and the failure developed if it was neither
there when runs begin to count nor came within 100 steps of an injection. An injection is flagged if an alarm is raised within
300 steps of it, and harmful if the run was sick after it. Undecided runs are left out of all but that. Rules of thumb are
heard in stable runs from step 400 on. Intervals are Wilson's, of 95%. The part sealed was never fitted, nor was anything
chosen by it."""
PARTS = ("fit", "tune", "sealed")
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Table:
    """One table: its title, the heading of its first column, and the rows by what stands there."""

    title: str
    of: str
    rows: dict[str, Row]


@dataclass(frozen=True)
class Card:
    """All tables of the runs of some parts.

    Attributes:
        parts: of the suite; what is `sealed` was never fitted nor chosen by.
        runs, sick, stable: how many there were; the rest are undecided, or something was done to them in vain.
        seeds: runs of each configuration, at most.
        tables: the numbers.
    """

    parts: tuple[str, ...]
    runs: int
    sick: int
    stable: int
    seeds: int
    tables: tuple[Table, ...]

    def as_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        plain = {name: value for name, value in vars(self).items() if name != "tables"}
        plain["protocol"] = " ".join(PROTOCOL.split())
        return {**plain, **{table.title: {key: plainly(row) for key, row in table.rows.items()} for table in self.tables}}


def plainly(row: Row) -> dict[str, Any]:
    """A row as JSON takes it."""
    return {name: value.plain() if isinstance(value, Share) else value for name, value in row.items()}


def card(directory: Path, parts: Sequence[str] = ("sealed",), progress: Progress | None = None) -> Card:
    """Judge all runs of some parts anew, and count.

    Args:
        directory: of labelled runs.
        parts: fit, tune and sealed, or some of them.
        progress: told (runs judged, runs in all).

    Raises:
        UsageError: there is no such part.
        DataError: there are no runs of these parts, or a file of them cannot be read.
    """
    files = list(files_of(directory, parts))
    total = len(files) * len(TIERS)
    heard: dict[str, list[Heard]] = {tier: [] for tier in TIERS}
    for index, file in enumerate(files):
        stored = load(file)
        for number, (tier, blind) in enumerate(TIERS.items(), 1):
            heard[tier].append(Heard.of(replay(stored, blind)))
            if progress:
                progress(index * len(TIERS) + number, total)
    best = heard["all"]
    seeds = len({one.run.stored.meta["seed"] for one in best})
    sick, stable = sum(one.sick for one in best), sum(one.run.stored.stable for one in best)
    return Card(tuple(parts), len(files), sick, stable, seeds, tuple(tables(heard)))


def files_of(directory: Path, parts: Sequence[str]) -> Iterator[Path]:
    """The files of some parts."""
    for part in parts:
        if part not in PARTS:
            raise UsageError(f"there is no part {part!r}", f"one or more of {', '.join(PARTS)}")
    if not directory.is_dir():
        raise DataError(
            f"{directory}: there is no such directory",
            "name that of the labelled runs: benchmarks/doctor/runs in the source tree, where generate.py makes more",
        )
    found = [path for part in parts for path in paths(directory, part=part)]
    if not found:
        raise DataError(f"{directory}: no labelled run of {' or '.join(parts)}", "make some with benchmarks/doctor/generate.py")
    yield from found


def tables(heard: dict[str, list[Heard]]) -> Iterator[Table]:
    """Every table, the most asked for first."""
    best = heard["all"]
    sick = [one for one in best if one.sick]
    every = {"all": best}
    yield Table("by data set", "data", rows(scores, every | groups(best, lambda one: one.run.stored.meta["data"])))
    yield Table("by signals", "signals", rows(scores, heard))
    yield Table("by verdict", "verdict", by_verdict(best))
    yield Table("lead in steps", "sickness", rows(leads, {"all": sick} | groups(sick, lambda one: one.run.stored.truth.kind)))
    yield Table("by injection", "injection", rows(injected, every | groups(best, lambda one: one.run.stored.meta["injection"])))
    yield Table("rules of thumb", "rule", {name: folk(best, name) for name in FOLK})


def rows(count: Callable[[Sequence[Heard]], Row], those: dict[str, list[Heard]]) -> dict[str, Row]:
    """A row of each group."""
    return {name: count(group) for name, group in those.items()}


def groups(those: Sequence[Heard], by: Callable[[Heard], str]) -> dict[str, list[Heard]]:
    """The runs by a word, those without one left out."""
    words = sorted({by(one) for one in those} - {""})
    return {word: [one for one in those if by(one) == word] for word in words}
