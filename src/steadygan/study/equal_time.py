"""Equal time: what each arm had reached when the cheapest arm was done. Equal steps flatter whoever makes them expensive.

A cell is read where it was scored nearest to that time, be it a little later. To read it at the last score before would take
from a slower arm what it had learnt since.
"""

from dataclasses import dataclass
from statistics import median

from steadygan.study.columns import Column, column
from steadygan.study.complete import Complete, middle
from steadygan.study.measures import Measure, Traces, measured
from steadygan.study.result import Result

FAR = 0.25  # of the time: a score further away says nothing of it


@dataclass(frozen=True)
class EqualTime:
    """A metric at equal processor time.

    Attributes:
        column: as for any metric; it rests on a clock, so it does not repeat bit for bit.
        cheapest: the arm that sets the limit wherever it was run.
        seconds: of processor time: the median limit over settings and seeds.
    """

    column: Column
    cheapest: str
    seconds: float


def equal_time(complete: Complete, metric: str) -> EqualTime | None:
    """A metric at equal time; None where it is no last or best score, or where steps were not timed or scored too seldom."""
    measure = complete.study.metrics[metric]
    if not measure.of.startswith("score/") or measure.at not in ("last", "best"):
        return None
    having = {(arm, setting) for arm, scores in complete.scores(metric).items() for setting in scores.settings}
    cells = [result for result in complete.cells() if (result.arm, result.setting) in having]
    order = by_time(complete, cells)
    limits = {(r.setting, r.seed): limit(complete, order, r.setting, r.seed) for r in cells}
    values = {r.cell: reached(r, metric, measure, pace(complete, r), limits[r.setting, r.seed]) for r in cells}
    known = {cell: value for cell, value in values.items() if not isinstance(value, str)}
    if not order or len(known) < len(values):
        return None
    found = column(metric, measure, complete.gathered(known, measure), complete.study.compared_with, repeats=False)
    return EqualTime(found, order[0], median(seconds for seconds in limits.values() if seconds is not None))


def by_time(complete: Complete, cells: list[Result]) -> list[str]:
    """The arms by the median time that a cell takes for all its steps, the cheapest first; those with no time are left out."""
    times = {arm: middle([t for r in cells if r.arm == arm and (t := whole(r)) is not None]) for arm in complete.study.arms}
    return sorted((arm for arm in times if times[arm] is not None), key=lambda arm: times[arm] or 0.0)


def whole(result: Result) -> float | None:
    """Seconds of processor time that a cell took for all its steps; None where it diverged on the way or was not timed."""
    each = result.cost.get("ms_per_step")
    return None if each is None or result.state != "finished" else result.step * each / 1000


def limit(complete: Complete, order: list[str], setting: str, seed: int) -> float | None:
    """The time that all arms get: that of the cheapest arm at this setting, its median there where its own cell diverged."""
    for arm in order:
        cells = list(complete.cells(arm, setting))
        times = [time for result in cells if (time := whole(result)) is not None]
        own = next((time for result in cells if result.seed == seed and (time := whole(result)) is not None), None)
        if times:
            return own if own is not None else median(times)
    return None


def pace(complete: Complete, result: Result) -> float | None:
    """Milliseconds a step of a cell; where it ended too soon to be timed, the median of its arm at that setting."""
    others = complete.cells(result.arm, result.setting)
    own = result.cost.get("ms_per_step")
    return own if own is not None else middle([r.cost["ms_per_step"] for r in others if "ms_per_step" in r.cost])


def reached(result: Result, metric: str, measure: Measure, pace: float | None, seconds: float | None) -> float | str | None:
    """What a cell had reached in so many seconds: its value, None where it had failed, "unknown" where nobody looked."""
    if pace is None or seconds is None:
        return None if result.state == "diverged" and seconds is not None else "unknown"
    steps, scored = seconds * 1000 / pace, [row["step"] for row in result.scores]
    if result.state == "diverged" and result.step <= steps:
        return None
    if result.state == "finished" and 2 * steps >= result.step + max(scored, default=result.step):
        return result.value(metric)
    nearest = min(scored, key=lambda step: abs(step - steps), default=0)
    if abs(nearest - steps) > FAR * steps:
        return "unknown"
    return measured(measure, Traces([row for row in result.scores if row["step"] <= nearest], ()))
