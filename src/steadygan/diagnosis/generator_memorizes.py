"""GeneratorMemorizes: its samples are copies of training examples."""

from typing import ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from steadygan.diagnosis.base import Cause, Needs
from steadygan.diagnosis.course import Booleans, Course, lasting, mean
from steadygan.diagnosis.state import Says, StateRule, evidence
from steadygan.history import Floats

CLOSENESS, FLOOR = "memorization/closeness", "memorization/closeness_floor"


class GeneratorMemorizes(StateRule):
    """Samples lie closer to training examples than fresh examples of the data do, far beyond chance.

    The test of Meehan, Chaudhuri & Dasgupta 2020, arXiv:2004.05675, on ratios of distances; see the probe `memorization`. A
    generator that is far from the data, or has collapsed somewhere in its midst, scores no higher than one that is well. The
    few neighbours that collapsed samples have raise the floor instead.
    """

    name: Literal["generator_memorizes"] = "generator_memorizes"
    verdict: ClassVar[str] = "GENERATOR-MEMORIZES"
    needs: ClassVar[Needs] = ((CLOSENESS,),)  # its floor comes with it
    closeness: float = Field(default=0.85, gt=0.5, lt=1)  # share of pairs of a sample and a fresh example
    floors: PositiveFloat = 1.5  # times as far above one half as 95 of 100 draws stay: beyond that comes 1 in 150
    readings: PositiveInt = 3  # in a row that begin the state, and end it

    def holds(self, course: Course) -> Booleans:
        """Close, and beyond what chance can do."""
        return lasting(mean(course.windows(CLOSENESS)) > self.threshold(course), self.readings)

    def threshold(self, course: Course) -> Floats:
        """What closeness is held against: [T], NaN where no floor is known."""
        chance = 0.5 + self.floors * (mean(course.windows(FLOOR)) - 0.5)
        return chance.clip(min=self.closeness)

    def says(self, course: Course, since: int) -> Says:
        """A warning: samples may look better than ever."""
        limits = self.threshold(course)
        origin = "this run" if limits[-1] > self.closeness else "measured"
        told = evidence(course, CLOSENESS, mean(course.windows(CLOSENESS)), limits[-1], since, origin)
        reason = f"Samples lie closer to training examples than fresh examples do, in {told.value:.0%} of the pairs of both."
        step = int(course.steps[since])
        causes = (
            Cause("too few examples", reason, "Augment what it sees, or add examples", ("augmentations=[diffaugment]",)),
            Cause("trained too long", f"It began about step {step:,}.", f"Take a checkpoint from before step {step:,}"),
        )
        return Says("warning", reason, (told,), causes)
