"""StateRule: a rule that says of every reading whether the run was in a certain state."""

from dataclasses import dataclass

import numpy as np

from steadygan.diagnosis.base import Cause, Evidence, Finding, Rule, Severity
from steadygan.diagnosis.course import Booleans, Course, begin
from steadygan.diagnosis.remedy import advice
from steadygan.history import Floats, History


@dataclass(frozen=True)
class Says:
    """What a rule says once its state holds, in the words of a finding.

    Attributes:
        severity, reason: of the finding; `evidence`: the numbers behind it.
        causes: the likeliest first.
        confidence: as measured on the labelled runs, or None.
    """

    severity: Severity
    reason: str
    evidence: tuple[Evidence, ...]
    causes: tuple[Cause, ...] = ()
    confidence: float | None = None


class StateRule(Rule):
    """Judges each reading of a course by it and what came before, so that a whole history is judged at once.

    A subclass says in `holds` when its state holds, and in `says` what to tell of it.
    """

    def holds(self, course: Course) -> Booleans:
        """Whether the state holds at each reading: -> [T]. Missing series are NaN, and a comparison with NaN is no vote."""
        raise NotImplementedError

    def says(self, course: Course, since: int) -> Says:
        """What to tell at the newest reading, the state having begun at reading `since`."""
        raise NotImplementedError

    def check(self, history: History) -> Finding | None:
        """A finding where the state holds at the newest reading."""
        return self.look(Course(history))

    def look(self, course: Course) -> Finding | None:
        """The same for a course that is there already."""
        if not self.can_judge(course.history) or not len(course):
            return None
        state = self.holds(course)
        if not state[-1]:
            return None
        since = begin(state)
        says = self.says(course, since)
        step, first = int(course.steps[-1]), int(course.steps[since])
        return Finding(
            *(self.name, self.verdict, says.severity, step, says.reason, advice(says.causes)),
            evidence=says.evidence,
            since=first,
            confidence=says.confidence,
            causes=says.causes,
        )


def evidence(course: Course, series: str, values: Floats, threshold: float, since: int, origin: str = "measured") -> Evidence:
    """The newest known value of a signal as evidence over the steps since its state began."""
    known = values[np.isfinite(values)]
    window = int(course.steps[-1] - course.steps[since])
    return Evidence(series, float(known[-1]) if len(known) else float("nan"), float(threshold), window, origin)
