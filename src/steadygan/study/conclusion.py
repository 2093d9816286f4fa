"""What a comparison comes to: one arm to use with its evidence, or that no difference was shown."""

from dataclasses import dataclass
from math import isfinite

from steadygan.study.columns import Column, Row
from steadygan.study.rules import ALPHA
from steadygan.study.table import Table

COMPARISON = "compare"  # the name of a study that ends in a conclusion and has no rules


@dataclass(frozen=True)
class Conclusion:
    """What a comparison comes to.

    Attributes:
        arm: the one to use, "" for none.
        shown: whether the test showed it to be better than the plan.
        words: it all, for people.
        differs: whether any arm was told from the plan.
    """

    arm: str
    shown: bool
    words: str
    differs: bool = True

    @property
    def word(self) -> str:
        """It in a word or three."""
        return ("NO DIFFERENCE SHOWN", f"USE {self.arm}")[self.differs] if self.arm else "NO RECIPE"


def conclude(table: Table) -> Conclusion | None:
    """What the main metric says; None until a seed is complete.

    An arm is better or worse than the reference where its paired test, corrected for all arms, has p <= 0.05 and the interval
    of its probability of improvement lies on one side of a half. An arm that failed in more than a quarter of its cells has no
    middle and is never recommended, the reference no more than another.
    """
    column = table.main
    if column is None:
        return None
    seeds = f"{len(table.complete.seeds)} seeds"
    if not column.ranked:
        why = f"Every arm failed by {column.metric} in more than a quarter of its cells" if column.rows else ""
        return Conclusion("", False, f"{why or f'No cell has a {column.metric}'} ({seeds}): no recipe can be named.")
    best = column.ranked[0]
    if shown := next((row for row in column.ranked if side(row) > 0), None):
        return Conclusion(shown.arm, True, f"Use {shown.arm}: {evidence(column, shown)}.{ahead(column, shown, best)}")
    reference = column.row(column.reference)
    if reference is None or not isfinite(reference.middle.value):
        return Conclusion(best.arm, False, f"Use {best.arm}: {instead(column, best)} ({seeds}).")
    return Conclusion(column.reference, False, kept(column, best, seeds), differs=any(side(row) < 0 for row in column.rows))


def side(row: Row) -> int:
    """1 where an arm is shown to be better than the reference, -1 where worse, 0 where neither."""
    if row.p is None or row.better is None or row.p > ALPHA:
        return 0
    return 1 if row.better.low > 0.5 else -1 if row.better.high < 0.5 else 0


def evidence(column: Column, row: Row) -> str:
    """What shows that an arm is better than the reference."""
    theirs = column.row(column.reference)
    middle = f"{column.metric} {row.middle}"
    if theirs is not None and isfinite(theirs.middle.value):
        middle += f" against {theirs.middle} of {column.reference}"
    elif theirs is not None:
        middle += f", where {failed(theirs)}"
    return f"{middle}, better in {row.better} of paired chances, corrected p {row.p:.2g}, {row.pairs} pairs"


def ahead(column: Column, shown: Row, best: Row) -> str:
    """That another arm has a better middle than the one that was shown to be better, where one has."""
    if best.middle.value == shown.middle.value:
        return ""
    besides = f", but was not shown to be better than {column.reference}" if best.arm != column.reference else ""
    return f" {best.arm} has the best middle, {best.middle}{besides}."


def instead(column: Column, best: Row) -> str:
    """Why an arm is named that was not shown to be better than the reference: the reference cannot be kept."""
    theirs = column.row(column.reference)
    lost = f"{failed(theirs)} by {column.metric}" if theirs else f"{column.reference} has no {column.metric}"
    middle = f"{failed(best)} and has the best middle, {best.middle}"
    return f"{lost} and cannot be kept; {middle}. That it is better than {column.reference} was not shown by the test"


def kept(column: Column, best: Row, seeds: str) -> str:
    """Why the reference is kept, which no arm was shown to be better than."""
    reference, others = column.reference, [row for row in column.rows if row.arm != column.reference]
    worse = [row.arm for row in others if side(row) < 0]
    open_ones = [row.arm for row in others if side(row) == 0]
    if not worse:
        told = f"No difference shown at this budget ({seeds}): keep {reference}"
        return f"{told}. {best.arm} has the best middle, {best.middle} {column.metric}."
    rest = f"; no difference shown to {', '.join(open_ones)}" if open_ones else ""
    return f"Use {reference}: {', '.join(worse)} did worse{rest} ({seeds}, {column.metric})."


def failed(row: Row) -> str:
    """In how many of its cells an arm failed."""
    return f"{row.arm} failed in {row.failed.hits} of {row.failed.of}"
