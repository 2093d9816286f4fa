"""SlowSlide: fewer and fewer kinds of samples, each better than before. It looks like progress."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import PositiveFloat, PositiveInt

from steadygan.diagnosis.base import Cause, Needs
from steadygan.diagnosis.course import Booleans, Course, lasting, windows
from steadygan.diagnosis.readings import learning_rate
from steadygan.diagnosis.state import Says, StateRule, evidence
from steadygan.history import Floats

CELLS, RECALL = "coverage/cells", "coverage/recall"


class SlowSlide(StateRule):
    """Coverage falls and goes on falling: the trend over the newest readings is beyond chance, and so is what was lost.

    A level is too late by hundreds of steps, because each level is also that of some healthy run. The test is Mann & Kendall's
    on the share of the data's cells that are covered, or on recall: the sum of the signs of all later minus earlier readings,
    over its spread in a series without trend.
    """

    name: Literal["slow_slide"] = "slow_slide"
    verdict: ClassVar[str] = "SLOW-SLIDE"
    needs: ClassVar[Needs] = ((CELLS, RECALL),)
    newest: PositiveInt = 12  # readings that the trend is of
    deviations: PositiveFloat = 3.5  # spreads of a series without trend
    lost: PositiveFloat = 0.2  # between the best and the newest quarter of those readings
    readings: PositiveInt = 2  # in a row that begin the state, and end it

    def holds(self, course: Course) -> Booleans:
        """The cells covered, or where nobody counted them recall, falls."""
        return lasting(self.falls(course[self.series(course)]), self.readings)

    def series(self, course: Course) -> str:
        """What is looked at."""
        return CELLS if CELLS in course else RECALL

    def falls(self, values: Floats) -> Booleans:
        """Whether the newest readings fall, in trend and by enough: [T] -> [T]."""
        recent = windows(values, self.newest)
        whole = np.isfinite(recent).all(1)
        found = np.zeros(len(values), dtype=bool)
        found[whole] = trend(recent[whole]) < -self.deviations
        quarter = max(self.newest // 4, 1)
        found[whole] &= recent[whole][:, :quarter].mean(1) - recent[whole][:, -quarter:].mean(1) > self.lost
        return found

    def says(self, course: Course, since: int) -> Says:
        """A warning: there is time to act."""
        series = self.series(course)
        recent = windows(course[series], self.newest)[-1]
        told = evidence(course, series, course[series], float(np.nanmax(recent)) - self.lost, since, "this run")
        reason = f"Coverage slides, from {np.nanmax(recent):.0%} to {told.value:.0%} of the data in {self.newest} readings."
        faster = (learning_rate(course.history, "generator", 3.0),)
        causes = (
            Cause("the generator is too slow for this discriminator", reason, "Let the generator learn faster", faster),
            Cause("the discriminator is too strong", reason, "Add r1 to `stabilizers`"),
        )
        return Says("warning", reason, (told,), causes)


def trend(rows: Floats) -> Floats:
    """Mann & Kendall's statistic of each row, in standard deviations of a row without trend: [T, K] -> [T].

    >>> trend(np.arange(10.0)[None]).round(2)
    array([4.02])
    """
    n = rows.shape[1]
    signs = np.sign(rows[:, None, :] - rows[:, :, None]).sum((1, 2), where=np.triu(np.ones((n, n), dtype=bool), 1))
    return np.asarray(signs / np.sqrt(n * (n - 1) * (2 * n + 5) / 18))
