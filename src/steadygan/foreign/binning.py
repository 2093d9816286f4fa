"""Binning: readings as far apart as the judge is used to, as means of what lies between."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from steadygan.history import Floats, History

LIMIT = 100_000  # readings of a history
EVERY = 50  # steps from one reading to the next in runs of our own, on which the thresholds were measured
FEWEST_ROWS = 400  # readings that are left where nobody knows how many steps lie between two rows
FEWEST_IN_SWING = 8  # steps of which a swing can be told from a slope
Series = Mapping[str, tuple[Floats, Floats]]  # steps and values by name


class Bins:
    """Series on one time line.

    Readings closer than 50 steps are joined over 50 steps, as in runs of our own; a history of more than 100,000 readings is
    thinned evenly. A value is the mean of what is finite; where the newest is not, that is the value.

    Args:
        series: by name, steps rising.
        per_step: the steps are those of the training, so that it is known how far apart readings should be.
        rows: nobody knows what the steps are.
    """

    def __init__(self, series: Series, per_step: bool, rows: bool = False) -> None:
        self.series = {name: pair for name, pair in series.items() if len(pair[0])}
        self.per_step = per_step
        self.steps = np.unique(np.concatenate([np.empty(0), *(steps for steps, _ in self.series.values())]))
        self.spacing = float(np.median(np.diff(self.steps))) if len(self.steps) > 1 else 1.0
        self.width = self._width(per_step, rows)
        first, last = (self.steps[0], self.steps[-1]) if len(self.steps) else (0.0, 0.0)
        self.first, self.most = first, max(round((last - first + self.spacing) / self.width), 1) - 1
        places, starts = np.unique(self._places(self.steps), return_index=True)
        self.places: NDArray[np.int64] = places
        self.ends = self.steps[np.append(starts[1:], len(self.steps)) - 1].astype(np.int64) if len(places) else places

    def __len__(self) -> int:
        return len(self.places)

    def history(self) -> History:
        """The history of the joined series."""
        joined = {name: self._joined(steps, values) for name, (steps, values) in self.series.items()}
        return History.of(joined | self.swings())

    def swings(self) -> dict[str, tuple[NDArray[np.int64], Floats]]:
        """How far the logit gap swings within each bin, where it was logged at every step.

        What chance makes of it is taken from its change from one step to the next: in a game at rest that is chance alone, in
        one that swings it is more, so that the wobble comes out too small rather than too large.
        """
        steps, gap = self.series.get("gap/logits", (np.empty(0), np.empty(0)))
        steps, gap = steps[np.isfinite(gap)], gap[np.isfinite(gap)]
        if "gap/swing" in self.series or self.width < FEWEST_IN_SWING or len(steps) < 2 or np.median(np.diff(steps)) > 1:
            return {}
        places, starts, counts = np.unique(self._places(steps), return_index=True, return_counts=True)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            swing = np.sqrt(rests(steps, gap, starts, counts))
            chance = np.sqrt(np.add.reduceat(np.append(np.diff(gap), 0.0) ** 2, starts) / counts / 2)
        good = (counts >= FEWEST_IN_SWING) & (chance > 0) & np.isfinite(swing)
        if not good.any():
            return {}
        ends = self.ends[np.searchsorted(self.places, places)][good]
        mean = np.add.reduceat(gap, starts) / counts
        found = {"gap/mean": mean, "gap/swing": swing, "gap/chance": chance}
        wobble = swing[good] / chance[good]
        return {name: (ends, values[good]) for name, values in found.items()} | {"wobble/logits": (ends, wobble)}

    def notes(self, came: int) -> list[str]:
        """What was joined, of so many readings, and what was estimated."""
        found = []
        if len(self) < len(self.steps):
            of = f"of {self.width:,.0f} steps each, " if self.per_step else ""
            found.append(f"{came:,} readings are joined to {len(self):,}, {of}by their means.")
        if self.swings():
            found.append(
                "What chance makes of the logit gap is taken from its change from step to step: wobble is a lower bound."
            )
        return found

    def _width(self, per_step: bool, rows: bool) -> float:
        """Steps of a bin."""
        span = float(self.steps[-1] - self.steps[0]) + self.spacing if len(self.steps) else 1.0
        width = 1.0
        if per_step and self.spacing < EVERY:
            width = EVERY
        elif rows:
            width = float(np.clip(len(self.steps) // FEWEST_ROWS, 1, EVERY))
        if len(self.steps) > LIMIT:
            width = max(width, float(np.ceil(span / LIMIT / self.spacing)) * self.spacing)
        return width

    def _places(self, steps: Floats) -> NDArray[np.int64]:
        """The bin of each step; what is left over at the end and less than half a bin goes to the last one."""
        return np.minimum(((steps - self.first) // self.width).astype(np.int64), self.most)

    def _joined(self, steps: Floats, values: Floats) -> tuple[NDArray[np.int64], Floats]:
        """One series, joined."""
        if len(self) == len(self.steps):
            return steps.astype(np.int64), values
        places, starts = np.unique(self._places(steps), return_index=True)
        ends = self.ends[np.searchsorted(self.places, places)]
        finite = np.isfinite(values)
        newest = values[np.append(starts[1:], len(values)) - 1]
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            means = np.add.reduceat(np.where(finite, values, 0.0), starts) / np.add.reduceat(finite.astype(np.float64), starts)
        return ends, np.asarray(np.where(np.isfinite(newest), means, newest))


def rests(steps: Floats, values: Floats, starts: NDArray[np.int64], counts: NDArray[np.int64]) -> Floats:
    """Variance of each part of a series about its own straight line: [N], [N], starts and sizes of M parts [M], [M] -> [M]."""
    time, height = (numbers - np.repeat(np.add.reduceat(numbers, starts) / counts, counts) for numbers in (steps, values))
    slope = np.add.reduceat(time * height, starts) / np.add.reduceat(time**2, starts)
    return np.asarray(np.add.reduceat((height - np.repeat(slope, counts) * time) ** 2, starts) / (counts - 2))


def both_sides(series: Series) -> dict[str, tuple[Floats, Floats]]:
    """What follows from the logits of both sides, where they are known at the same steps and it was not logged itself."""
    found = {}
    pairs = {"gap/logits": ("logit/real", "logit/fake"), "dispersion/logits": ("logit_std/real", "logit_std/fake")}
    for name, (real, fake) in pairs.items():
        if name in series or real not in series or fake not in series:
            continue
        steps, of_real, of_fake = np.intersect1d(series[real][0], series[fake][0], return_indices=True)
        reals, fakes = series[real][1][of_real], series[fake][1][of_fake]
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            found[name] = steps, np.asarray(reals - fakes if name == "gap/logits" else fakes / reals)
    return found
