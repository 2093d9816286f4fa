"""Bands: the median of several runs over steps with their quartiles, as one SVG string. A run that died is worse than any."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from steadygan.history import Floats
from steadygan.report.charts import (
    HEIGHT,
    Curve,
    Frame,
    drawn,
    drawn_frame,
    path,
    svg,
)
from steadygan.report.scales import Scale
from steadygan.report.words import number

Points = Sequence[tuple[int, float | None]]


@dataclass(frozen=True)
class Band:
    """Several runs of one arm.

    Attributes:
        label: the arm.
        steps: [N].
        low, middle, high: [N], quartiles and median; infinite where they are failures.
        style: 1..5, the colour; 0 for a thin grey line without a band.
    """

    label: str
    steps: Floats
    low: Floats
    middle: Floats
    high: Floats
    style: int


def band(label: str, runs: Sequence[tuple[Points, bool]], higher_is_better: bool, style: int) -> Band | None:
    """The band of some runs: their (step, value) points, and whether they died after the last one.

    Between two readings a run stands where it last was. None where no run has a finite reading.
    """
    firsts = [points[0][0] for points, died in runs if points and not died] or [points[0][0] for points, _ in runs if points]
    grid = sorted({step for points, _ in runs for step, _ in points if step >= max(firsts, default=0)})
    if not grid:
        return None
    sign = 1.0 if higher_is_better else -1.0
    goodness = sign * np.array([held(points, died, grid) for points, died in runs])
    goodness = np.sort(np.where(np.isfinite(goodness), goodness, -np.inf), axis=0)
    low, middle, high = (sign * quantile(goodness, share) for share in ((0.25, 0.5, 0.75) if sign > 0 else (0.75, 0.5, 0.25)))
    return Band(label, np.array(grid, dtype=np.float64), low, middle, high, style) if np.isfinite(middle).any() else None


def held(points: Points, died: bool, grid: Sequence[int]) -> list[float]:
    """A run's value at each step of the grid, NaN where it has died or has none yet."""
    found, place, value = [], 0, float("nan")
    for step in grid:
        while place < len(points) and points[place][0] <= step:
            read = points[place][1]
            value, place = float("nan") if read is None else float(read), place + 1
        over = died and (not points or step > points[-1][0])
        found.append(float("nan") if over else value)
    return found


def quantile(ordered: Floats, share: float) -> Floats:
    """A quantile of each column, [R, N] -> [N]; never a number between a score and a failure, which is minus infinity."""
    place = share * (len(ordered) - 1)
    below, above = ordered[int(np.floor(place))], ordered[int(np.ceil(place))]
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(np.isfinite(below), below + (above - below) * (place % 1), below))


def band_chart(title: str, bands: Sequence[Band], frame: Frame) -> str:
    """Bands over steps as one SVG element; those in grey behind the others."""
    spans = [line for each in bands for line in ((each.low, each.middle, each.high) if each.style else (each.middle,))]
    across, upright, behind = drawn_frame(frame, spans)
    parts = [
        *behind,
        *(grey(each, across, upright) for each in bands if not each.style),
        *(area(each, across, upright) for each in bands if each.style),
        *(line(each, across, upright) for each in bands if each.style),
    ]
    return svg(HEIGHT, summary(title, bands), parts)


def grey(band: Band, across: Scale, upright: Scale) -> str:
    """A thin line that tells its name when it is pointed at."""
    d = path([across(step) for step in band.steps], heights(band.middle, upright), np.isfinite(band.middle))
    return f'<path class="curve other" d="{d}"><title>{escape(band.label)}</title></path>'


def area(band: Band, across: Scale, upright: Scale) -> str:
    """The stretch between the quartiles, to the edge of the picture where one is a failure."""
    xs = [across(step) for step in band.steps]
    there = list(zip(xs, heights(band.high, upright), strict=True))
    back = list(zip(xs, heights(band.low, upright), strict=True))[::-1]
    return f'<path class="band s{band.style}" d="M{"L".join(f"{x:.1f} {y:.1f}" for x, y in there + back)}z"/>'


def line(band: Band, across: Scale, upright: Scale) -> str:
    """The median, with a cross at the top where it is a failure."""
    one = np.isfinite(band.middle).sum() == 1
    drawing = drawn(Curve(band.label, band.steps, band.middle, band.style, points=bool(one)), across, upright)
    return f"<g><title>{escape(band.label)}</title>{drawing}</g>"


def heights(values: Floats, upright: Scale) -> list[float]:
    """Where values lie; infinite ones at an end."""
    return [upright(float(value)) for value in values]


def summary(title: str, bands: Sequence[Band]) -> str:
    """The chart in one sentence, for those who cannot see it."""
    ends = [f"{each.label} {number(float(each.middle[-1])) if np.isfinite(each.middle[-1]) else 'fails'}" for each in bands]
    return f"{title} over steps, medians at the end: {', '.join(ends) or 'no readings'}"
