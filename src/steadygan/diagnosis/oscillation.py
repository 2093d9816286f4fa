"""Oscillation: the players chase one another, and the samples hop from mode to mode."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import PositiveFloat

from steadygan.diagnosis import signals
from steadygan.diagnosis.base import Needs
from steadygan.diagnosis.causes import OF_OSCILLATION, ranked
from steadygan.diagnosis.course import Booleans, Course, held, median
from steadygan.diagnosis.fused import alarm, said
from steadygan.diagnosis.state import Says, StateRule

MOTION = ("wobble/logits", "cells/churn", "ema/sample_gap", "update_coherence/discriminator")


class Oscillation(StateRule):
    """The fused judge raises an alarm, and things move: samples change their cells from one reading to the next.

    Churn above chance told hopping from collapse at rest on every data set, then the distance of the generator to its average,
    then the wobble of the logit gap. Neither losses nor accuracy nor gradient norms tell sick from stable.
    """

    name: Literal["oscillation"] = "oscillation"
    verdict: ClassVar[str] = "OSCILLATION"
    needs: ClassVar[Needs] = (("wobble/logits",),)
    churn: PositiveFloat = 0.1  # share of the samples, above chance, that move from one reading to the next
    restlessness: PositiveFloat = 0.4  # between the generator and its average, in standard deviations of the data
    wobble: PositiveFloat = 2.5  # of the logit gap, where no samples were seen

    def holds(self, course: Course) -> Booleans:
        """An alarm, and motion."""
        return course.made(alarm) & held(self.moving(course))

    def moving(self, course: Course) -> Booleans:
        """Whether the samples move, or where none were seen the logits: [T]. A generator that has jumped once is far from its
        average for a while, too, but its samples no longer change their cells."""
        moved = median(course.windows("cells/churn")) - course["cells/churn_floor"]
        restless = signals.restlessness(course)
        away = (restless > self.restlessness) & ~(moved < 0)
        swings = np.isnan(moved) & np.isnan(restless) & (signals.wobble(course) > self.wobble)
        return np.asarray((moved > self.churn) | away | swings)

    def says(self, course: Course, since: int) -> Says:
        """A failure where the suspicion is great, else a warning."""
        return said(course, since, "The samples hop", ranked(course, OF_OSCILLATION), MOTION)
