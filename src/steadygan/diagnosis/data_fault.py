"""DataFault: what the loader serves now is not what it served before."""

from typing import ClassVar, Literal

from pydantic import PositiveFloat, PositiveInt

from steadygan.diagnosis.base import Cause, Needs
from steadygan.diagnosis.course import Booleans, Course, lasting
from steadygan.diagnosis.state import Says, StateRule, evidence

LIVE, FLOOR = "cells/js_live", "cells/js_live_floor"
AGREEMENT, USUAL = "labels/agreement", "labels/agreement_floor"


class DataFault(StateRule):
    """The newest real examples fall otherwise over the cells of the data than the reference does, by far more than chance; or
    their classes are no longer those of their neighbours in it.

    The reference was drawn at the start; the thresholds are parts of what as many examples of the reference itself reach in
    one of twenty draws. No hyper-parameter cures it: people have lost weeks to a folder that moved.
    """

    name: Literal["data_fault"] = "data_fault"
    verdict: ClassVar[str] = "DATA-FAULT"
    needs: ClassVar[Needs] = ((LIVE,), (FLOOR,))
    times: PositiveFloat = 2.0  # the floor
    part: PositiveFloat = 0.6  # of the agreement of classes
    readings: PositiveInt = 3  # in a row that begin the state, and end it

    def holds(self, course: Course) -> Booleans:
        """Either threshold passed for as long."""
        return lasting(course[LIVE] > self.times * course[FLOOR], self.readings) | self.mislabelled(course)

    def mislabelled(self, course: Course) -> Booleans:
        """Whether the classes do not belong to the examples: [T]."""
        return lasting(course[AGREEMENT] < self.part * course[USUAL], self.readings)

    def says(self, course: Course, since: int) -> Says:
        """A failure: whatever is learnt from here on is of other data."""
        mislabelled = bool(self.mislabelled(course)[-1])
        series, threshold = (AGREEMENT, self.part * course[USUAL]) if mislabelled else (LIVE, self.times * course[FLOOR])
        told = evidence(course, series, course[series], float(threshold[-1]), since, "chance")
        what = (
            "The classes no longer belong to the real examples"
            if mislabelled
            else "The real examples differ from those at the start"
        )
        reason = f"{what}, since step {course.steps[since]:,}."
        advice = (
            "Stop and look at what the loader serves: missing files, labels, range, a filter, a shuffle that ended. Then go on "
            "from the checkpoint before; no setting cures it."
        )
        return Says("failure", reason, (told,), (Cause("the data changed", reason, advice),))
