"""Measure: how one number is read of a finished cell. A cell without that number has failed by that measure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite, isnan, nan
from typing import Any, Literal, Self

from pydantic import FiniteFloat, NonNegativeInt, model_validator

from steadygan.parts import Settings, near_miss

Row = Mapping[str, Any]
SOURCES = ("score", "history", "cost")
COSTS = ("cpu_seconds", "seconds", "ms_per_step")


class Measure(Settings):
    """One number of a cell, and which way is better.

    Attributes:
        of: `score/modes` of metrics.jsonl, `history/wobble/logits` of history.jsonl, `cost/ms_per_step`. A `*` takes the series
            that match, at each reading the largest of them in size.
        at: which of the readings: the `last`, the `best` of those that are finite, the `mean`, the `largest`, the `smallest`,
            which fail where one is not, or the `step` or `second` of processor time at which `reach` is first reached, which
            fails where it never is.
        after: readings up to this step do not count.
        higher_is_better: whether a larger number is the better one.
        judges: whether one way is better at all; where not, the number only stands in the tables.
        reach: for `step` and `second`: at least this much, or at most this much where `rising` is false.
        fails_below, fails_above: beyond these a cell counts as failed.
        unit: for people.
    """

    of: str
    at: Literal["last", "best", "mean", "largest", "smallest", "step", "second"] = "last"
    after: NonNegativeInt = 0
    higher_is_better: bool = False
    judges: bool = True
    reach: FiniteFloat | None = None
    rising: bool = True
    fails_below: FiniteFloat | None = None
    fails_above: FiniteFloat | None = None
    unit: str = ""

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        source, _, name = self.of.partition("/")
        if source not in SOURCES or not name:
            raise ValueError(f"'of' begins with score/, history/ or cost/, found {self.of!r}")
        if source == "cost" and name not in COSTS:
            raise ValueError(f"there is no cost {name!r}; {near_miss(name, COSTS)}known: {', '.join(COSTS)}")
        if source == "cost" and (self.at != "last" or self.after):
            raise ValueError("a cost is one number and no series: 'at' and 'after' say nothing about it")
        if (self.at in ("step", "second")) != (self.reach is not None):
            raise ValueError("'reach' goes with at: step and at: second, and they with it")
        return self

    @property
    def repeats(self) -> bool:
        """Whether the same seed on the same machine gives the same number; times never do."""
        return self.at != "second" and not self.of.startswith("cost/")


@dataclass(frozen=True)
class Traces:
    """What a finished cell left: rows with a step each, and what it cost by name."""

    scores: Sequence[Row]
    history: Sequence[Row]
    cost: Mapping[str, float] = field(default_factory=dict)

    def have(self, measure: Measure) -> bool:
        """Whether there is anything at all to read a measure of: a reading of its series, and a clock where it wants one."""
        if measure.of.startswith("cost/"):
            return measure.of.removeprefix("cost/") in self.cost
        return bool(self.points(measure.of)) and (measure.at != "second" or "ms_per_step" in self.cost)

    def points(self, of: str, after: int = 0) -> list[tuple[int, float]]:
        """(step, value) of a series; NaN where a number is missing from a row that has others of it."""
        source, _, name = of.partition("/")
        wanted = re.compile(".*".join(map(re.escape, name.split("*"))))
        found = []
        for row in self.scores if source == "score" else self.history:
            values = [number(value) for key, value in row.items() if wanted.fullmatch(key)]
            if values and row["step"] > after:
                found.append((int(row["step"]), nan if any(map(isnan, values)) else max(values, key=abs)))
        return found


def measured(measure: Measure, traces: Traces) -> float | None:
    """The number that a measure reads of a cell, None where it failed."""
    value = reading(measure, traces)
    if value is None or not isfinite(value):
        return None
    low, high = measure.fails_below, measure.fails_above
    return None if (low is not None and value < low) or (high is not None and value > high) else value


def reading(measure: Measure, traces: Traces) -> float | None:
    """The number before it is asked whether it is a failure."""
    if measure.of.startswith("cost/"):
        return traces.cost.get(measure.of.removeprefix("cost/"))
    points = traces.points(measure.of, measure.after)
    if measure.reach is not None:
        return reached(measure, points, traces.cost)
    values = [value for _, value in points]
    finite = [value for value in values if isfinite(value)]
    if measure.at == "last":
        return values[-1] if values else None
    if not finite or (len(finite) < len(values) and measure.at != "best"):
        return None
    if measure.at == "mean":
        return sum(finite) / len(finite)
    return max(finite) if measure.at == "largest" or (measure.at == "best" and measure.higher_is_better) else min(finite)


def reached(measure: Measure, points: Sequence[tuple[int, float]], cost: Mapping[str, float]) -> float | None:
    """The step at which a series first reaches what it should, or the second of processor time."""
    goal = measure.reach
    assert goal is not None
    step = next((step for step, value in points if (value >= goal if measure.rising else value <= goal)), None)
    if step is None or measure.at == "step":
        return step
    return step * cost["ms_per_step"] / 1000 if "ms_per_step" in cost else None


def number(value: Any) -> float:
    """A number as it stands in a row; NaN for what is none. JSON has no word for infinity, and writes null."""
    return float(value) if isinstance(value, int | float) else float("nan")
