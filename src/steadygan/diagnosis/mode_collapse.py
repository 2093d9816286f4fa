"""ModeCollapse: the samples stay in one part of the data."""

from typing import ClassVar, Literal

from steadygan.diagnosis.base import Needs
from steadygan.diagnosis.causes import OF_COLLAPSE, ranked
from steadygan.diagnosis.course import Booleans, Course
from steadygan.diagnosis.fused import alarm, said
from steadygan.diagnosis.oscillation import Oscillation
from steadygan.diagnosis.state import Says, StateRule

HOPPING = Oscillation()


class ModeCollapse(StateRule):
    """The fused judge raises an alarm, and nothing moves: part of the data is out of reach, and stays so.

    A collapse at rest shows in the samples alone. Histograms over the cells of the data carried over from toys to digits; the
    distance between samples did not, and is held against this run's own best.
    """

    name: Literal["mode_collapse"] = "mode_collapse"
    verdict: ClassVar[str] = "MODE-COLLAPSE"
    needs: ClassVar[Needs] = (("cells/js", "diversity/pairwise_ratio"),)

    def holds(self, course: Course) -> Booleans:
        """An alarm without motion."""
        return course.made(alarm) & ~HOPPING.holds(course)

    def says(self, course: Course, since: int) -> Says:
        """A failure where the suspicion is great, else a warning."""
        return said(course, since, "The samples leave out part of the data", ranked(course, OF_COLLAPSE))
