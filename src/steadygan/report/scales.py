"""Axes: round ticks, logarithms where they are needed, and curves thinned without losing a spike."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steadygan.history import Floats

MOST_POINTS = 400


@dataclass(frozen=True)
class Scale:
    """A stretch of numbers on a stretch of pixels.

    Attributes:
        low, high: the numbers at both ends, low < high.
        start, end: the pixels there.
        log: equal ratios, not equal differences, are equal lengths.
        unit: above 0, numbers of both signs: linear up to about `unit`, ratios beyond it (inverse hyperbolic sine).
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False
    unit: float = 0.0

    def __call__(self, value: float) -> float:
        """The pixel at which `value` lies; values beyond the ends lie at the ends."""
        low, high = self.bent(self.low), self.bent(self.high)
        share = min(max((self.bent(value) - low) / (high - low), 0.0), 1.0)
        return self.start + share * (self.end - self.start)

    def bent(self, value: float) -> float:
        """The number whose differences are lengths."""
        if self.log:
            return math.log10(max(value, self.low))
        return math.asinh(value / self.unit) if self.unit else value

    def ticks(self, most: int = 5) -> list[float]:
        """Round numbers within the scale."""
        if self.log:
            return decades(self.low, self.high, most)
        if self.unit:
            return both_signs(self.low, self.high, self.unit, most)
        return [tick for tick in round_numbers(self.low, self.high, most) if self.low <= tick <= self.high]


def round_numbers(low: float, high: float, most: int = 5) -> list[float]:
    """Multiples of 1, 2, 2.5 or 5 times a power of ten that cover low..high, in at most about `most` steps.

    >>> round_numbers(0, 2000)
    [0.0, 500.0, 1000.0, 1500.0, 2000.0]
    """
    rough = (high - low) / max(most - 1, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 12) if step > 1e-6 else i * step for i in range(first, last + 1)]


def decades(low: float, high: float, most: int) -> list[float]:
    """Powers of ten within low..high, every n-th where they are many; with 2 and 5 between where they are few."""
    first, last = math.floor(math.log10(low) - 1e-9), math.ceil(math.log10(high) + 1e-9)
    factors = (1, 2, 5) if last - first <= 2 else (1,)
    every = math.ceil((last - first) / most) if len(factors) == 1 else 1
    found = [factor * 10.0**power for power in range(first, last + 1, every) for factor in factors]
    return [tick for tick in found if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]


def both_signs(low: float, high: float, unit: float, most: int) -> list[float]:
    """Zero, and powers of ten on the sides that go beyond `unit`."""
    sides = [sign * end for sign, end in ((-1, -low), (1, high)) if end > 10 * unit]
    found = [
        math.copysign(tick, side)
        for side in sides
        for tick in decades(unit, abs(side), max(most // len(sides), 2))
        if tick > 2 * unit
    ]
    return sorted([0.0, *found])


def value_scale(
    values: Sequence[Floats],
    start: float,
    end: float,
    bounds: tuple[float, float] | None = None,
    levels: Sequence[float] = (),
) -> Scale:
    """The scale for these curves; `bounds` are always inside. Ratios where all are positive and span over two decades, and
    beyond the usual size where some are hundreds of times larger, so that a run's healthy part stays to be seen. `levels` have
    no say in that: a floor that is zero but for noise must not take the place of the curve."""
    flat = np.concatenate([np.asarray(v, dtype=np.float64) for v in values] or [np.empty(0)])
    flat = flat[np.isfinite(flat)]
    if len(flat) == 0:
        return linear_scale(0.0, 1.0, start, end, bounds or (0.0, 1.0))
    low, high = float(flat.min()), float(flat.max())
    if bounds is None and low > 0 and high / low > 100:
        near = [level for level in levels if low / 10 < level < high * 10]
        return Scale(min([low, *near]) / 1.15, max([high, *near]) * 1.15, start, end, log=True)
    if bounds is None and np.abs(flat).max() > 300 * (usual := float(np.quantile(np.abs(flat), 0.75))) > 0:
        return Scale(low * 1.15, high * 1.15, start, end, unit=usual)
    return linear_scale(min([low, *levels]), max([high, *levels]), start, end, bounds)


def linear_scale(low: float, high: float, start: float, end: float, bounds: tuple[float, float] | None) -> Scale:
    """Equal differences as equal lengths, with a little room at both ends unless `bounds` set them."""
    low, high = (min(low, bounds[0]), max(high, bounds[1])) if bounds else (low, high)
    room = 0.0 if bounds else 0.06 * (high - low)
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-9):
        room = 0.1 * abs(high) or 1.0
    return Scale(low - room, high + room, start, end)


def thinned(steps: Floats, values: Floats, most: int = MOST_POINTS) -> tuple[Floats, Floats]:
    """At most about `most` points of a curve, [N], [N] -> [M], [M]: the smallest and the largest of each stretch, so that no
    spike is lost, and one point that is not finite where a stretch has any."""
    if len(steps) <= most:
        return steps, values
    keep: set[int] = {0, len(steps) - 1}
    for stretch in np.array_split(np.arange(len(steps)), most // 3):
        broken = ~np.isfinite(values[stretch])
        inside = np.where(broken, np.nan, values[stretch])
        if broken.any():
            keep.add(int(stretch[broken.argmax()]))
        if not broken.all():
            keep |= {int(stretch[np.nanargmin(inside)]), int(stretch[np.nanargmax(inside)])}
    chosen = np.array(sorted(keep))
    return steps[chosen], values[chosen]
