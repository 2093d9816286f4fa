"""Heat maps: one row a layer, one column a stretch of steps, on a scale of round numbers."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from steadygan.history import Floats
from steadygan.report.charts import CHARACTER, WIDTH, step_ticks, svg
from steadygan.report.scales import Scale, round_numbers
from steadygan.report.words import short

MOST_COLUMNS, COLOURS = 72, 11
ROW, LABEL, LAST = 15, 17, 52  # pixels, characters, pixels


@dataclass(frozen=True)
class Row:
    """One layer: its name, and its readings [N] at the steps [N]."""

    label: str
    steps: Floats
    values: Floats


def heat_map(
    title: str, rows: Sequence[Row], worst: Callable[[Floats], float], bounds: tuple[float, float] | None = None
) -> str:
    """The readings of all layers as one SVG element.

    Args:
        title: what is read.
        rows: the layers, the first one at the top.
        worst: of several readings that fall into one cell, the one that it shows: `max` or `min`.
        bounds: the ends of the scale where they are known beforehand.
    """
    numbers = colour_scale(np.concatenate([row.values for row in rows]), bounds)
    left = 6 + 6.1 * max(len(cut(row.label)) for row in rows)
    last = max(float(row.steps[-1]) for row in rows)
    across = Scale(0, max(last, 1), left, WIDTH - LAST)
    squares: dict[str, list[str]] = {}
    for i, row in enumerate(rows):
        for colour, start, end in runs(row, across, worst, numbers):
            squares.setdefault(colour, []).append(f"M{start:.1f} {i * ROW + 2}h{end - start:.1f}v{ROW - 2}h{start - end:.1f}z")
    bottom = len(rows) * ROW
    parts = [
        *(f'<path class="{colour}" d="{"".join(pieces)}"/>' for colour, pieces in sorted(squares.items())),
        *(row_text(row, i, left) for i, row in enumerate(rows)),
        *step_ticks(across, bottom + 14),
        key(numbers, left, bottom + 26),
    ]
    return svg(bottom + 54, f"{title} of {len(rows)} layers over steps", parts)


def colour_scale(values: Floats, bounds: tuple[float, float] | None) -> list[float]:
    """The round numbers that the colours stand for: [N] -> 2..11 of them, low to high. Equal ratios where values span over a
    factor of twenty. A spread below a fifth of the level is not blown up to look like one."""
    finite = values[np.isfinite(values)]
    if len(finite) == 0:
        return [0.0, 1.0]
    low, high = bounds or (float(finite.min()), float(finite.max()))
    if bounds is None and low > 0 and high / low > 20:
        return ratios(low, high)
    if high - low < 0.2 * abs(high + low) / 2:
        return round_numbers(low - 0.1 * abs(low), high + 0.1 * abs(high) or 1.0, COLOURS - 4)
    return round_numbers(low, high if high > low else low + 1, COLOURS)


def ratios(low: float, high: float) -> list[float]:
    """Round numbers at equal ratios from low to high: by 1, 2, 5 or by 1, 3 or by powers of ten, as their number allows."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for factors in ((1, 2, 5), (1, 3), (1,)):
        found = [factor * 10.0**power for power in range(first, last + 1) for factor in factors]
        inside = [value for value in found if low / 1.5 <= value <= high * 1.5]
        if len(inside) <= COLOURS:
            return inside
    return inside[:: -(-len(inside) // COLOURS)]


def runs(row: Row, across: Scale, worst: Callable[[Floats], float], numbers: Sequence[float]) -> list[tuple[str, float, float]]:
    """(colour class, start, end) of each stretch of one colour in a row, in pixels. A cell ends at its reading's step."""
    found: list[tuple[str, float, float]] = []
    start = across(0)
    for cell in np.array_split(np.arange(len(row.steps)), min(len(row.steps), MOST_COLUMNS)):
        inside, end = row.values[cell], across(float(row.steps[cell[-1]]))
        finite = np.isfinite(inside)
        colour = colour_of(worst(inside), numbers) if finite.all() else "hx"
        if found and found[-1][0] == colour:
            found[-1] = (colour, found[-1][1], end)
        else:
            found.append((colour, start, end))
        start = end
    return found


def colour_of(value: float, numbers: Sequence[float]) -> str:
    """The class of the colour of the number nearest to `value`: h0 the lowest, h10 the highest. Nearest by ratio on a scale
    of ratios."""
    level = np.asarray(numbers)
    ratio = level[0] > 0 and level[-1] / level[0] > 20
    distance = np.abs(np.log(level) - np.log(max(value, 1e-300))) if ratio else np.abs(level - value)
    return f"h{round(int(distance.argmin()) * (COLOURS - 1) / max(len(numbers) - 1, 1))}"


def row_text(row: Row, index: int, left: float) -> str:
    """The layer's name before its row, and its newest reading behind it."""
    y = index * ROW + 12.5
    name = f'<text class="layer" x="{left - 5:.1f}" y="{y}" text-anchor="end"><title>{escape(row.label)}</title>'
    newest = f'<text class="newest" x="{WIDTH - LAST + 5}" y="{y}">{reading(float(row.values[-1]))}</text>'
    return f"{name}{escape(cut(row.label))}</text>{newest}"


def reading(value: float) -> str:
    """A number in at most seven characters, with the zeros that tell how exactly it is known: 1.00, 42.0, 0.0042, 10⁻⁴."""
    if not math.isfinite(value):
        return "NaN"
    if 0.1 <= abs(value) < 1e3:
        return f"{value:#.3g}".rstrip(".").replace("-", "−")
    return (
        f"{value:.2g}".replace("-", "−")
        if 1e-3 <= abs(value) < 0.1
        else short(float(f"{value:.{1 if abs(value) < 1 else 2}g}"))
    )


def key(numbers: Sequence[float], left: float, y: float) -> str:
    """The colours in a row, each over the number it stands for; some numbers are left out where they would touch."""
    width = (WIDTH - LAST - left) / len(numbers)
    boxes = (
        f'<path class="{colour_of(value, numbers)}" d="M{left + i * width:.1f} {y}h{width:.1f}v8h{-width:.1f}z"/>'
        for i, value in enumerate(numbers)
    )
    longest = max(len(short(value)) for value in numbers) * CHARACTER + 6
    texts = (
        f'<text class="tick" x="{left + (i + 0.5) * width:.1f}" y="{y + 20}" text-anchor="middle">{short(value)}</text>'
        for i, value in enumerate(numbers)
        if i % max(1, math.ceil(longest / width)) == 0
    )
    return "".join(boxes) + "".join(texts)


def cut(label: str) -> str:
    """A layer's name with its middle left out where it is too long for its place."""
    return label if len(label) <= LABEL else f"{label[: LABEL // 2]}…{label[-(LABEL // 2) :]}"
