"""DiversityCollapse: the samples have grown alike, against this run's own best and against the data."""

from typing import Literal

import numpy as np
from pydantic import PositiveFloat, PositiveInt

from steadygan.diagnosis.base import Evidence, Finding, Rule
from steadygan.diagnosis.readings import change_learning_rate, finite, newest_step, sustained
from steadygan.history import Floats, History

SERIES = "diversity/pixels"  # mean pairwise distance of fakes over that of reals


class DiversityCollapse(Rule):
    """The samples' spread fell well below the best of this run and below an absolute guard, for several readings.

    Both are needed: the threshold of a pairwise distance does not carry over from one data set to another (healthy runs read
    0.93 to 1.1 on 2-D toys, 0.79 to 1.27 on digits), and a run that starts from noise comes down from a high best in health.
    """

    name: Literal["diversity_collapse"] = "diversity_collapse"
    left: PositiveFloat = 0.85  # of the best that lasted
    guard: PositiveFloat = 0.7  # of the data's own diversity; below the lowest that healthy runs show
    lost: PositiveFloat = 0.5  # of the data's own diversity: below it the finding is a failure
    readings: PositiveInt = 3  # consecutive readings that must agree
    early: PositiveInt = 20  # readings within which many runs dip and recover: a warning at most

    def check(self, history: History) -> Finding | None:
        """A warning below the guard; a failure, once the start is over, where half of the data's diversity is lost."""
        steps, values = finite(history, SERIES)
        if len(values) < 2 * self.readings:
            return None
        best = float(sustained(values, self.readings).max())
        threshold = min(self.left * best, self.guard)
        below = below_since(values, threshold)
        if len(values) - below < self.readings:
            return None
        newest = values[-self.readings :]
        return Finding(
            rule=self.name,
            verdict="MODE-COLLAPSE",
            severity="failure" if newest.max() < self.lost and len(values) > self.early else "warning",
            step=newest_step(history),
            reason=f"The samples have {newest[-1]:.0%} of the data's diversity, down from {best:.0%}, since step {steps[below]:,}.",
            advice=remedy(history),
            evidence=(Evidence(SERIES, float(newest[-1]), threshold, int(steps[-1] - steps[below])), *players(history)),
        )


def below_since(values: Floats, threshold: float) -> int:
    """The index from which on all values are below the threshold; their number where the newest is not."""
    above = np.flatnonzero(values >= threshold)
    return int(above[-1]) + 1 if len(above) else 0


def players(history: History) -> tuple[Evidence, ...]:
    """Who is ahead: the discriminator's accuracy, where it was recorded; it decides the advice, not the verdict."""
    value = accuracy(history)
    return () if value is None else (Evidence("accuracy/discriminator", value, 0.8, 0),)


def accuracy(history: History) -> float | None:
    """The median of the newest three readings of the discriminator's accuracy."""
    _, values = finite(history, "accuracy/discriminator")
    return float(np.median(values[-3:])) if len(values) else None


def remedy(history: History) -> str:
    """What cured this kind of collapse: it depends on which player is ahead."""
    value = accuracy(history)
    if value is not None and value > 0.8:  # runs whose discriminator was too strong read 0.83 to 0.94, all others up to 0.70
        return "The discriminator is too strong: add r1 to `stabilizers`. A lower discriminator learning rate rarely helps."
    return (
        "The generator runs from mode to mode: let it learn ten times slower, "
        f"{change_learning_rate(history, 'generator', 0.1)}; with spectral_norm in `stabilizers`, raise its coefficient too. "
        "If the data was changed or moved, look at what the loader serves first."
    )
