"""Oscillation: the players chase one another, and the samples hop from mode to mode."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import PositiveFloat

from steadygan.diagnosis import signals
from steadygan.diagnosis.base import Needs
from steadygan.diagnosis.causes import OF_OSCILLATION, ranked
from steadygan.diagnosis.course import Booleans, Course
from steadygan.diagnosis.features import churn
from steadygan.diagnosis.fused import alarm, said, tier_of
from steadygan.diagnosis.state import Says, StateRule


MOTION = ("wobble/logits", "cells/churn", "ema/sample_gap", "update_coherence/discriminator")


class Oscillation(StateRule):
    """The fused judge raises an alarm, and things move: the logit gap swings, or samples change their cells.

    A wobble of 1 is what chance gives in a game at rest, in every game alike: stable runs read 1.1 to 1.4, hopping ones 3 to 9.
    Neither losses nor accuracy nor gradient norms tell the two apart.
    """

    name: Literal["oscillation"] = "oscillation"
    verdict: ClassVar[str] = "OSCILLATION"
    needs: ClassVar[Needs] = (("wobble/logits", "cells/churn"),)
    wobble: PositiveFloat = 2.0  # from which on the gap is said to swing
    churn: PositiveFloat = 0.1  # of the samples above chance, from which on they are said to move

    def holds(self, course: Course) -> Booleans:
        """An alarm, and motion."""
        tier = tier_of(course)
        none = np.zeros(len(course), dtype=bool)
        return none if tier is None else alarm(course, tier, tier.warning) & self.moving(course)

    def moving(self, course: Course) -> Booleans:
        """Whether anything moves: [T]."""
        return np.asarray((signals.wobble(course) > self.wobble) | (churn(course) > self.churn))

    def says(self, course: Course, since: int) -> Says:
        """A failure where the suspicion is great, else a warning."""
        return said(course, since, "The samples hop", ranked(course, OF_OSCILLATION), MOTION)
