"""Stalled: the generator stands still, and what it makes is not the data."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import PositiveFloat, PositiveInt

from steadygan.diagnosis.base import Cause, Needs
from steadygan.diagnosis.course import Booleans, Course, lasting
from steadygan.diagnosis.readings import learning_rate
from steadygan.diagnosis.signals import relative_step, resting
from steadygan.diagnosis.state import Says, StateRule, evidence

UPDATE, GRADIENT = "update_norm/generator", "grad_norm/generator"


class Stalled(StateRule):
    """The generator's weights stand still though its learning rate does not, or its gradient is below what Adam can see.

    A saturating loss before a discriminator that is sure of itself ends so: Arjovsky & Bottou 2017, arXiv:1701.04862, theorem
    2.4. A gradient that is small beside that of the start is no sign: so is that of a good game.
    """

    name: Literal["stalled"] = "stalled"
    verdict: ClassVar[str] = "STALLED"
    needs: ClassVar[Needs] = ((UPDATE, GRADIENT),)
    step_left: PositiveFloat = 1e-6  # of the weights' norm that an update moves them
    dead_gradient: PositiveFloat = 1e-8  # Adam's epsilon
    readings: PositiveInt = 3  # in a row that begin the state, and end it

    def holds(self, course: Course) -> Booleans:
        """Either, for as long."""
        still = relative_step(course, "generator") < self.step_left
        return lasting((still | (course[GRADIENT] < self.dead_gradient)) & ~resting(course, "generator"), self.readings)

    def says(self, course: Course, since: int) -> Says:
        """A failure: nothing is learnt."""
        series = GRADIENT if np.nan_to_num(course[GRADIENT][-1], nan=1.0) < self.dead_gradient else UPDATE
        threshold = self.dead_gradient if series == GRADIENT else self.step_left
        values = course[GRADIENT] if series == GRADIENT else relative_step(course, "generator")
        reason = f"The generator has learnt nothing since step {course.steps[since]:,}."
        causes = (
            Cause("no gradient reaches it", reason, "Choose a loss that does not saturate", ("loss=non_saturating",)),
            Cause("it is not trained", reason, "Look at its optimizer: does it hold these parameters, is step() called"),
            Cause(
                "its steps are too small", reason, "Let it learn faster", (learning_rate(course.history, "generator", 10.0),)
            ),
        )
        return Says("failure", reason, (evidence(course, series, values, threshold, since),), causes)
