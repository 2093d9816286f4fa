"""What cannot be said from a study: what its author wrote, and what its cells show of themselves."""

from collections.abc import Iterator

from steadygan.report.words import number
from steadygan.study.bootstrap import LEAST_CELLS, LEAST_SEEDS
from steadygan.study.report import words
from steadygan.study.rules import ALPHA
from steadygan.study.significance import PairedTest
from steadygan.study.table import Table

MOST_LOST = 20
ALWAYS = "Intervals and tests speak of other seeds at these settings. They say nothing of other data, sizes or settings."


def limits(table: Table) -> list[str]:
    """One sentence or two for each thing that cannot be said."""
    own = " ".join(table.study.limits.split())
    found = [*([own] if own else []), *not_complete(table)]
    if table.main:
        found += [*too_few(table), *left_out(table), *unread(table), *no_equal_time(table)]
    return [*found, ALWAYS]


def lost_cells(table: Table) -> list[str]:
    """The cells that crashed or hung, by name with what went wrong; the first twenty."""
    lost = [each for each in table.complete.lost if each.state != "missing"]
    told = [f"{each.cell.id} {each.state}{f': {each.problem}' * bool(each.problem)}" for each in lost[:MOST_LOST]]
    return [*told, f"and {len(lost) - MOST_LOST} more"] if len(lost) > MOST_LOST else told


def not_complete(table: Table) -> Iterator[str]:
    """Which seeds are left out everywhere, and why."""
    seeds, counts = table.complete.seeds_left_out, table.complete.counts
    if seeds:
        why = ", ".join(f"{counts[state]} {state}" for state in ("crashed", "hung", "missing") if counts[state])
        which = f"{'seed' if len(seeds) == 1 else 'seeds'} {words.numbers(seeds)}"
        told = f"{which}, not complete ({why} of {counts['planned']} cells)"
        yield f"Left out everywhere, so that all arms are compared on the same: {told}."


def too_few(table: Table) -> Iterator[str]:
    """What so few seeds cannot show."""
    column, seeds = table.main, len(table.complete.seeds)
    assert column is not None
    least = min((len(row.scores.settings) for row in column.rows), default=0)
    if seeds < LEAST_SEEDS or least * seeds < LEAST_CELLS:
        few = f"{words.counted(seeds, 'seed')} at {words.counted(least, 'setting')}"
        yield f"{few} give no interval: that takes {LEAST_SEEDS} seeds and {LEAST_CELLS} cells an arm."
    compared = [len(row.shared) * seeds for row in column.rows if row.p is not None]
    if not compared:
        return
    smallest = PairedTest(1.0, max(compared), True).least
    if smallest * len(compared) > ALPHA:
        corrected = f", {number(min(1.0, smallest * len(compared)), 2)} after correction for {len(compared)} comparisons" * (
            len(compared) > 1
        )
        few, least_p = words.counted(max(compared), "pair"), f"{number(smallest, 2)}{corrected}"
        yield f"{few} of cells cannot give a p below {least_p}: no difference between two arms can be shown on so few."


def left_out(table: Table) -> Iterator[str]:
    """The pairs that were not run."""
    for left in table.study.leave_out:
        where = "anywhere" if left.setting == "*" else f"at {left.setting}"
        why = left.why.strip().rstrip(".")
        yield f"{left.arm} was not run {where}: {why}. It is compared at the settings that both arms have."


def unread(table: Table) -> Iterator[str]:
    """The metrics that some settings or some arms do not have."""
    for column in table.columns:
        lacking = [setting for setting in table.study.settings if setting not in column.settings]
        if lacking:
            yield f"{column.metric} ({column.measure.of}) is not read at {words.listed(lacking)}, and says nothing there."
        empty = [row.arm for row in column.rows if row.failed.hits == row.failed.of]
        if empty and len(empty) < len(column.rows):
            yield f"{words.listed(empty)}: every cell fails by {column.metric}, or has no such series."


def no_equal_time(table: Table) -> Iterator[str]:
    """Why there is no column at equal time."""
    column = table.main
    if column is not None and table.equal_time is None:
        scored = column.measure.of.startswith("score/") and column.measure.at in ("last", "best")
        why = (
            "some cells were not timed, or not scored anywhere near it"
            if scored
            else f"{column.metric} is no score at its last or best"
        )
        yield f"There is no column at equal time: {why}."
