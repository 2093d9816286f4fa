"""Charts: series in, one SVG string out. Colours come from the page's style sheet by class, so that they follow its scheme."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

import numpy as np

from steadygan.history import Floats
from steadygan.report.scales import Scale, thinned, value_scale
from steadygan.report.words import number, short

WIDTH, HEIGHT = 360, 208  # about the pixels a chart gets on a phone and in three columns, so that text keeps its size
LEFT_OF_TEXT, CHARACTER = 8, 6.4  # pixels


@dataclass(frozen=True)
class Curve:
    """One line of a chart.

    Attributes:
        label: its name in the legend.
        steps, values: [N] each; values that are not finite leave a gap and a cross at the top.
        style: 1..5, which colour and dash.
        errors: [N] half the length of a bar at each point, or None.
        points: mark each point.
    """

    label: str
    steps: Floats
    values: Floats
    style: int = 1
    errors: Floats | None = None
    points: bool = False


@dataclass(frozen=True)
class Mark:
    """A finding on the step axis."""

    step: float
    severity: str


@dataclass(frozen=True)
class Frame:
    """What all charts of a page share, and what this one adds.

    Attributes:
        steps: the last step of the axis, which starts at 0.
        marks: findings, drawn as upright lines.
        bounds: numbers that the upright axis must hold at least, or None.
        level: (value, style) pairs drawn as level lines, such as a floor.
    """

    steps: float
    marks: Sequence[Mark] = ()
    bounds: tuple[float, float] | None = None
    levels: Sequence[tuple[float, str]] = field(default=())


def line_chart(title: str, curves: Sequence[Curve], frame: Frame) -> str:
    """Curves over steps as one SVG element.

    >>> line_chart("Losses", [Curve("a", np.array([1.0, 2.0]), np.array([0.5, 0.25]))], Frame(2))[:4]
    '<svg'
    """
    curves = [thin(curve) for curve in curves]
    spans = [span for curve in curves for span in reach(curve)]
    across, upright, behind = drawn_frame(frame, spans)
    return svg(HEIGHT, summary(title, curves), [*behind, *(drawn(curve, across, upright) for curve in curves)])


def drawn_frame(frame: Frame, spans: Sequence[Floats]) -> tuple[Scale, Scale, list[str]]:
    """The scales across and upright of a chart in which `spans` have their place, and what stands behind its curves."""
    upright = value_scale(spans, HEIGHT - 24, 8, frame.bounds, [value for value, _ in frame.levels])
    ticks = upright.ticks()
    left = LEFT_OF_TEXT + CHARACTER * max([len(short(tick)) for tick in ticks], default=1)
    across = Scale(0, max(frame.steps, 1), left, WIDTH - 8)
    behind = [
        *(level_line(upright(tick), left, short(tick)) for tick in ticks),
        *step_ticks(across),
        *(f'<path class="mark {escape(m.severity)}" d="M{across(m.step):.1f} 8V{HEIGHT - 24}"/>' for m in frame.marks),
        *(f'<path class="level {escape(style)}" d="M{left:.1f} {upright(v):.1f}H{WIDTH - 8}"/>' for v, style in frame.levels),
    ]
    return across, upright, behind


def svg(height: float, label: str, parts: Sequence[str]) -> str:
    """An SVG element that scales to its place and tells a screen reader what it shows."""
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(label)}" xmlns="http://www.w3.org/2000/svg">'
        f"{''.join(parts)}</svg>"
    )


def thin(curve: Curve) -> Curve:
    """The curve with at most a few hundred points; one with error bars is short and stays whole."""
    steps, values = np.asarray(curve.steps, dtype=np.float64), np.asarray(curve.values, dtype=np.float64)
    if curve.errors is None:
        steps, values = thinned(steps, values)
    return Curve(curve.label, steps, values, curve.style, curve.errors, curve.points or np.isfinite(values).sum() == 1)


def reach(curve: Curve) -> list[Floats]:
    """What the upright axis must hold: the values, and both ends of their error bars."""
    if curve.errors is None:
        return [curve.values]
    return [curve.values - curve.errors, curve.values + curve.errors]


def summary(title: str, curves: Sequence[Curve]) -> str:
    """The chart in one sentence, for those who cannot see it."""
    ends = [f"{c.label} from {number(float(c.values[0]))} to {number(float(c.values[-1]))}" for c in curves if len(c.values)]
    return f"{title} over steps: {'; '.join(ends) or 'no readings'}"


def level_line(y: float, left: float, text: str) -> str:
    """A tick of the upright axis and its line across."""
    line = f'<path class="grid" d="M{left:.1f} {y:.1f}H{WIDTH - 8}"/>'
    return f'{line}<text class="tick" x="{left - 5:.1f}" y="{y + 3.8:.1f}" text-anchor="end">{text}</text>'


def step_ticks(across: Scale, y: float = HEIGHT - 8) -> list[str]:
    """The numbers of the step axis; the outer ones are kept inside the picture."""
    ticks = across.ticks(6)
    texts = []
    for tick in ticks:
        x, half = across(tick), CHARACTER * len(short(tick)) / 2
        anchor = "end" if x + half > WIDTH - 2 else "middle"
        x = WIDTH - 4 if anchor == "end" else x
        texts.append(f'<text class="tick" x="{x:.1f}" y="{y:g}" text-anchor="{anchor}">{short(tick)}</text>')
    return texts


def drawn(curve: Curve, across: Scale, upright: Scale) -> str:
    """One curve: its line, error bars and points, and a cross at the top where a value is not finite."""
    xs = [across(step) for step in curve.steps]
    finite = np.isfinite(curve.values)
    ys = [upright(value) if ok else 0.0 for value, ok in zip(curve.values, finite, strict=True)]
    shapes = [f'<path class="curve s{curve.style}" d="{path(xs, ys, finite)}"/>']
    if curve.errors is not None:
        bars = zip(xs, curve.values, curve.errors, strict=True)
        ends = "".join(f"M{x:.1f} {upright(v - e):.1f}V{upright(v + e):.1f}" for x, v, e in bars if np.isfinite(v + e))
        shapes.append(f'<path class="curve error s{curve.style}" d="{ends}"/>')
    if curve.points:
        dots = (f"M{x:.1f} {y:.1f}h0" for x, y, ok in zip(xs, ys, finite, strict=True) if ok)
        shapes.append(f'<path class="dots s{curve.style}" d="{"".join(dots)}"/>')
    if not finite.all():
        crosses = (f"M{x - 3:.1f} 9l6 6m0-6l-6 6" for x, ok in zip(xs, finite, strict=True) if not ok)
        shapes.append(f'<path class="broken" d="{"".join(crosses)}"/>')
    return "".join(shapes)


def path(xs: Sequence[float], ys: Sequence[float], finite: Iterable[bool]) -> str:
    """The path through the finite points; a gap lifts the pen."""
    pieces, down = [], False
    for x, y, ok in zip(xs, ys, finite, strict=True):
        if ok:
            pieces.append(f"{'L' if down else 'M'}{x:.1f} {y:.1f}")
        down = bool(ok)
    return "".join(pieces)
