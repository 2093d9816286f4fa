"""DiscriminatorDead: the discriminator does not learn any more, and nobody tells the generator anything."""

from typing import ClassVar, Literal

from pydantic import PositiveFloat, PositiveInt

from steadygan.diagnosis.base import Cause, Needs
from steadygan.diagnosis.course import Booleans, Course, lasting
from steadygan.diagnosis.signals import relative_step, resting
from steadygan.diagnosis.state import Says, StateRule, evidence

UPDATE, AREA, GAP = "update_norm/discriminator", "auc/discriminator", "gap/mean"


class DiscriminatorDead(StateRule):
    """Its weights stand still while the generator's move, not by its learning rate, or it takes fakes for more real than reals.

    A direct check: a frozen discriminator was found in the first reading, long before the samples showed it, and in no healthy
    run. That it takes fakes for real half of the time is no sign: so it is at the end of every good game.
    """

    name: Literal["discriminator_dead"] = "discriminator_dead"
    verdict: ClassVar[str] = "DISCRIMINATOR-DEAD"
    needs: ClassVar[Needs] = ((UPDATE, AREA),)
    step_left: PositiveFloat = 1e-6  # of the weights' norm that an update moves them
    area: PositiveFloat = 0.25  # under the curve; 0.5 is blind, below it tells them apart the wrong way round
    readings: PositiveInt = 3  # in a row that begin the state, and end it

    def holds(self, course: Course) -> Booleans:
        """Either, for as long."""
        moves = relative_step(course, "generator") >= self.step_left
        still = moves & (relative_step(course) < self.step_left)
        inverted = (course[AREA] < self.area) & ~(course[GAP] > 0)  # else it knows those it trains on, and not these
        return lasting(still & ~resting(course), self.readings) | lasting(inverted, self.readings)

    def says(self, course: Course, since: int) -> Says:
        """A failure: what the generator follows has no meaning."""
        step = relative_step(course)
        if step[-1] < self.step_left:
            told = evidence(course, UPDATE, step, self.step_left, since)
            reason = f"The discriminator's weights have stood still since step {course.steps[since]:,}."
        else:
            told = evidence(course, AREA, course[AREA], self.area, since)
            reason = f"The discriminator takes fakes for more real than reals (area under the curve {told.value:.2f})."
        advice = "Look at its optimizer: does it hold these parameters, do they ask for gradients, is step() called"
        return Says("failure", reason, (told,), (Cause("the discriminator does not learn", reason, advice),))
