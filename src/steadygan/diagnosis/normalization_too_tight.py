"""NormalizationTooTight: normalization or a gradient penalty leaves the discriminator no slope to tell real from fake."""

from typing import ClassVar, Literal

from pydantic import PositiveFloat, PositiveInt

from steadygan.diagnosis import signals
from steadygan.diagnosis.base import Needs
from steadygan.diagnosis.causes import STARVED
from steadygan.diagnosis.course import Booleans, Course, lasting, mean
from steadygan.diagnosis.fused import alarm, said
from steadygan.diagnosis.signs import BOUNDS
from steadygan.diagnosis.state import Says, StateRule

AREA, GAP, SPREAD = "auc/discriminator", "gap/mean", "logit_std/real"


class NormalizationTooTight(StateRule):
    """The fused judge raises an alarm, and a discriminator whose slope is bounded hardly tells real from fake, for long.

    Textbook spectral normalization, coefficient 1, failed in 6 of 6 runs on points on a scale of 1, and a gradient penalty of
    weight 10 likewise; a larger slope cured them. A gap near zero alone is no sign of it: so every good game ends. Starved,
    it follows the samples about: its updates go on in one direction. Where a generator is too fast for it they turn more.
    """

    name: Literal["normalization_too_tight"] = "normalization_too_tight"
    verdict: ClassVar[str] = "NORMALIZATION-TOO-TIGHT"
    needs: ClassVar[Needs] = (BOUNDS, (AREA,), (GAP,), (SPREAD,))
    area: PositiveFloat = 0.62  # under the curve, below which it hardly tells them apart
    gap: PositiveFloat = 0.35  # of mean logits, in standard deviations of the reals'
    coherence: PositiveFloat = 0.95  # of its updates, above which it only follows, where that is known
    readings: PositiveInt = 8  # in a row that begin the state, and end it

    def holds(self, course: Course) -> Booleans:
        """An alarm, and starved for as long."""
        follows = ~(signals.coherence(course) < self.coherence)
        starved = (signals.separation(course) < self.gap) & (mean(course.windows(AREA)) < self.area) & follows
        return lasting(starved, self.readings) & course.made(alarm)

    def says(self, course: Course, since: int) -> Says:
        """A failure where the suspicion is great, else a warning."""
        return said(course, since, "The discriminator may not be steep enough to tell real from fake", (STARVED.cause(course),))
