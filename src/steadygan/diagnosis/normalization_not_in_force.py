"""NormalizationNotInForce: a layer that spectral normalization holds at c is in truth well above it."""

from typing import ClassVar, Literal

from pydantic import PositiveFloat, PositiveInt

from steadygan.diagnosis.base import Cause, Needs
from steadygan.diagnosis.course import Booleans, Course, lasting
from steadygan.diagnosis.state import Says, StateRule, evidence

SERIES = "sigma_error/max"  # exact over assumed largest singular value, minus 1; the worst layer


class NormalizationNotInForce(StateRule):
    """The exact norm of a normalized layer is more than 20% above the assumed one at three readings in a row.

    With one power iteration an update the median excess was 0 to 2.5%, the worst transient of 72 runs 16%.
    """

    name: Literal["normalization_not_in_force"] = "normalization_not_in_force"
    verdict: ClassVar[str] = "NORMALIZATION-NOT-IN-FORCE"
    needs: ClassVar[Needs] = ((SERIES,),)
    excess: PositiveFloat = 0.2  # of the exact norm over the assumed one
    readings: PositiveInt = 3  # in a row that begin the state, and end it

    def holds(self, course: Course) -> Booleans:
        """Above the excess, and not yet below it again for as long."""
        return lasting(course[SERIES] > self.excess, self.readings)

    def says(self, course: Course, since: int) -> Says:
        """A warning that names the layer."""
        worst = max(
            (name for name in course.history.names("sigma_error/") if name != SERIES),
            key=lambda name: course.history.last(name) or 0.0,
            default=SERIES,
        )
        told = evidence(course, SERIES, course[SERIES], self.excess, since)
        layer = worst.split("/", 1)[1]
        reason = f"{layer} is {told.value:.0%} steeper than its normalization assumes, since step {course.steps[since]:,}."
        advice = (
            "Look at how it is updated: weights changed after the last refresh, or u and v frozen or lost in a load. Where the "
            "learning rate is high, give spectral_norm in `stabilizers` more n_power_iterations."
        )
        cause = Cause("u and v do not follow the weights", reason, advice)
        return Says("warning", reason, (told,), (cause,))
