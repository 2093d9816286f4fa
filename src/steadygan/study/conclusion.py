"""What a comparison comes to: one arm to use with its evidence, or that no difference was shown."""

from dataclasses import dataclass
from math import isfinite

from steadygan.study.columns import Column, Row
from steadygan.study.rules import ALPHA
from steadygan.study.table import Table


@dataclass(frozen=True)
class Conclusion:
    """What to use, in words; `arm` is the one to use, and `shown` whether the seeds showed it to be better than the plan."""

    arm: str
    shown: bool
    words: str


def conclude(table: Table) -> Conclusion | None:
    """What the main metric says; None until a seed is complete.

    An arm is better or worse than the reference where its paired test, corrected for all arms, has p <= 0.05 and the interval
    of its probability of improvement lies on one side of a half.
    """
    column = table.main
    if column is None:
        return None
    reference, best = column.reference, best_of(column)
    seeds = len(table.complete.seeds)
    if best is None:
        return Conclusion(
            reference, False, f"Every arm failed by {column.metric} with most of {seeds} seeds: no recipe can be named."
        )
    better = [row for row in column.rows if side(row) > 0]
    worse = [row.arm for row in column.rows if side(row) < 0]
    if best in better:
        return Conclusion(best.arm, True, f"Use {best.arm}: {evidence(column, best)}.")
    open_ones = [row.arm for row in column.rows if row.arm != reference and side(row) == 0]
    if not worse:
        words = f"No difference shown at this budget ({seeds} seeds): keep {reference}. {best.arm} has the best middle"
        return Conclusion(reference, False, f"{words}, {best.middle} {column.metric}.")
    rest = f"; no difference shown to {', '.join(open_ones)}" if open_ones else ""
    return Conclusion(
        reference, False, f"Use {reference}: {', '.join(worse)} did worse{rest} ({seeds} seeds, {column.metric})."
    )


def best_of(column: Column) -> Row | None:
    """The row with the best interquartile mean, None where all are failures."""
    sign = 1 if column.measure.higher_is_better else -1
    fit = (row for row in column.rows if isfinite(row.middle.value))
    return max(fit, key=lambda row: sign * row.middle.value, default=None)


def side(row: Row) -> int:
    """1 where an arm is shown to be better than the reference, -1 where worse, 0 where neither."""
    if row.p is None or row.better is None or row.p > ALPHA:
        return 0
    return 1 if row.better.low > 0.5 else -1 if row.better.high < 0.5 else 0


def evidence(column: Column, row: Row) -> str:
    """What shows that an arm is better than the reference."""
    theirs = column.row(column.reference)
    middle = f"{column.metric} {row.middle}" + (f" against {theirs.middle} of {column.reference}" if theirs else "")
    return f"{middle}, better in {row.better} of paired chances, corrected p {row.p:.2g}, {row.pairs} pairs"
