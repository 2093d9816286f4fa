"""DataFault: what the loader serves now is not what it served before."""

from typing import ClassVar, Literal

from pydantic import PositiveFloat, PositiveInt

from steadygan.diagnosis.base import Cause, Needs
from steadygan.diagnosis.course import Booleans, Course, lasting
from steadygan.diagnosis.state import Says, StateRule, evidence

LIVE, FLOOR = "cells/js_live", "cells/js_live_floor"


class DataFault(StateRule):
    """The newest real examples fall otherwise over the cells of the data than the reference does, by far more than chance.

    The reference was drawn at the start; the threshold is a multiple of what as many examples of the reference itself reach in
    one of twenty draws. No hyper-parameter cures it: people have lost weeks to a folder that moved.
    """

    name: Literal["data_fault"] = "data_fault"
    verdict: ClassVar[str] = "DATA-FAULT"
    needs: ClassVar[Needs] = ((LIVE,), (FLOOR,))
    times: PositiveFloat = 2.0  # the floor
    readings: PositiveInt = 3  # in a row that begin the state, and end it

    def holds(self, course: Course) -> Booleans:
        """Above the threshold for as long."""
        return lasting(course[LIVE] > self.times * course[FLOOR], self.readings)

    def says(self, course: Course, since: int) -> Says:
        """A failure: whatever is learnt from here on is of other data."""
        threshold = self.times * float(course[FLOOR][-1])
        told = evidence(course, LIVE, course[LIVE], threshold, since, "chance")
        reason = f"The real examples differ from those at the start, since step {course.steps[since]:,}."
        advice = (
            "Stop and look at what the loader serves: missing files, labels, range, a filter, a shuffle that ended. Then go on "
            "from the checkpoint before; no setting cures it."
        )
        return Says("failure", reason, (told,), (Cause("the data changed", reason, advice),))
