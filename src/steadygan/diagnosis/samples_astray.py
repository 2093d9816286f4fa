"""SamplesAstray: the samples leave the range of the data."""

from typing import ClassVar, Literal

from pydantic import PositiveFloat

from steadygan.diagnosis import signals
from steadygan.diagnosis.base import Needs
from steadygan.diagnosis.causes import OF_OSCILLATION, ranked
from steadygan.diagnosis.course import Booleans, Course, median
from steadygan.diagnosis.fused import alarm, said
from steadygan.diagnosis.state import Says, StateRule


class SamplesAstray(StateRule):
    """The fused judge raises an alarm, and the samples lie wider than twice the data do, or the generator is two standard
    deviations of the data away from its own average.

    Of the labelled readings whose samples were far from all data half had 13 times the data's variance; of those that hopped
    or had collapsed one in twenty had more than 1.2 and 2.6 times.
    """

    name: Literal["samples_astray"] = "samples_astray"
    verdict: ClassVar[str] = "DIVERGENCE"
    needs: ClassVar[Needs] = (("wobble/logits",), ("diversity/trace_ratio", "ema/sample_gap"))
    trace: PositiveFloat = 4.0  # variance of the samples over that of the data
    restlessness: PositiveFloat = 2.0  # between the generator and its average, in standard deviations of the data

    def holds(self, course: Course) -> Booleans:
        """An alarm, and samples far out."""
        wide = median(course.windows("diversity/trace_ratio")) > self.trace
        return course.made(alarm) & (wide | (signals.restlessness(course) > self.restlessness))

    def says(self, course: Course, since: int) -> Says:
        """A failure where the suspicion is great, else a warning."""
        leading = ("diversity/trace_ratio", "ema/sample_gap")
        return said(course, since, "The samples leave the range of the data", ranked(course, OF_OSCILLATION), leading)
