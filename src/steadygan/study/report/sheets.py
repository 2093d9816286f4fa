"""The tables of the report as plain text by row and column, which the page and the Markdown both show."""

from collections.abc import Collection
from dataclasses import dataclass, field

from steadygan.report.words import duration
from steadygan.study.columns import Column, Row
from steadygan.study.report import words
from steadygan.study.rules import ALPHA
from steadygan.study.table import Table


@dataclass(frozen=True)
class Sheet:
    """A table.

    Attributes:
        title: what it shows; `note`: how to read it.
        head: the names of its columns.
        rows: a text a column. A line break sets off what is less important.
        bold: (row, column) of what stands out.
        code: columns that hold names and assignments.
    """

    title: str
    note: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    bold: Collection[tuple[int, int]] = field(default=frozenset())
    code: Collection[int] = field(default=frozenset())


def main_sheet(table: Table, column: Column) -> Sheet:
    """Everything that is said about the arms by one metric."""
    equal = table.equal_time.column if table.equal_time and column is table.main else None
    head = ["arm", words.headed(column.metric, column.measure), "failed"]
    head += ["within 20% of own best", f"beats {column.reference!r}", "p"] * column.measure.judges
    head += [f"{column.metric} at equal time"] * (equal is not None)
    rows = tuple(main_row(row, column, equal) for row in column.rows)
    shown = {(i, 5) for i, row in enumerate(column.rows) if row.p is not None and row.p <= ALPHA and column.measure.judges}
    best = {(column.rows.index(row), 1) for row in column.leaders}
    return Sheet(column.metric, sizes(table, column), tuple(head), rows, shown | best, {0})


def main_row(row: Row, column: Column, equal: Column | None) -> tuple[str, ...]:
    """An arm in the table of a metric."""
    cells = [row.arm, "\n".join(filter(None, words.parts(row.middle))), words.share(row.failed)]
    if column.measure.judges:
        cells.append(words.share(row.region) if row.region else words.NONE)
        cells.append(words.chance(row.better) if row.better else ("reference" if row.arm == column.reference else words.NONE))
        cells.append(words.p_value(row.p))
    if equal is not None:
        cells.append(with_failures(equal.row(row.arm)))
    return tuple(cells)


def with_failures(row: Row | None) -> str:
    """An interquartile mean with its interval, and how many failed."""
    if row is None:
        return words.NONE
    return "\n".join(filter(None, (*words.parts(row.middle), words.failed(row.failed))))


def sizes(table: Table, column: Column) -> str:
    """How many cells the numbers of a metric rest on."""
    counts = {row.scores.values.shape for row in column.rows}
    told = " or ".join(f"{words.counted(c, 'setting')} × {words.counted(s, 'seed')}" for c, s in sorted(counts))
    return f"n = {told} an arm (seeds {words.numbers(table.complete.seeds)})."


def other_sheet(table: Table) -> Sheet | None:
    """The interquartile means of the other metrics, side by side; None where there is but one metric."""
    columns = [column for column in table.columns[1:] if column.rows]
    if not columns:
        return None
    head = ("arm", *(words.headed(column.metric, column.measure) for column in columns))
    arms = list(table.study.arms)
    rows = tuple((arm, *(with_failures(column.row(arm)) for column in columns)) for arm in arms)
    best = {(arms.index(row.arm), i + 1) for i, column in enumerate(columns) for row in column.leaders}
    note = "Interquartile means with 95% intervals, the best in bold, and how many cells failed. " + clocked(table)
    return Sheet(
        "Other metrics", note + " ".join(dict.fromkeys(sizes(table, column) for column in columns)), head, rows, best, {0}
    )


def clocked(table: Table) -> str:
    """Which of the other metrics read a clock."""
    found = [column.metric for column in table.columns[1:] if not column.repeats]
    return f"{words.listed(found)} read{'s' * (len(found) == 1)} a clock and will not repeat bit for bit. " if found else ""


def spot_sheet(table: Table, column: Column) -> Sheet:
    """An arm a row, a setting a column: the median, and how many failed."""
    settings = [setting for setting in table.study.settings if setting in column.settings]
    rows = tuple((row.arm, *(spot_text(row, setting) for setting in settings)) for row in column.rows)
    note = f"Median of {column.metric} over seeds; a failure is worse than any score."
    return Sheet(f"{column.metric} by setting", note, ("arm", *settings), rows, code={0})


def spot_text(row: Row, setting: str) -> str:
    """An arm at a setting."""
    spot = row.spot(setting)
    if spot is None:
        return words.NONE
    return "\n".join(filter(None, ("" if spot.median is None else words.figure(spot.median), words.failed(spot.failed))))


def cost_sheet(table: Table) -> Sheet | None:
    """What each arm costs; None where nobody timed it."""
    if not any(cost.cpu_seconds for cost in table.costs):
        return None
    reference = table.study.compared_with
    head = ("arm", "ms a step", f"ratio to {reference!r}", "s a cell", "cells")
    rows = tuple(
        (
            cost.arm,
            *map(known, (cost.ms_per_step, cost.ratio, cost.cpu_seconds)),
            f"{len(list(table.complete.cells(cost.arm))):,}",
        )
        for cost in table.costs
    )
    cells = table.complete.results.values()
    seconds, count = sum(each.cost.get("cpu_seconds", 0.0) for each in cells), words.counted(len(cells), "cell")
    note = (
        f"Processor time, {duration(seconds)} in all for {count}. Medians over cells; the ratio is the median over pairs of "
        "the same setting and seed. A step counts where nothing was scored, drawn or saved before it. "
        "Times do not repeat bit for bit."
    )
    return Sheet("Cost", note, head, rows, code={0})


def known(value: float | None) -> str:
    """A number, or that there is none."""
    return words.NONE if value is None else words.figure(value)
