"""What the judge would have said of a stored run at each of its readings."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from steadygan.card.runs import Stored
from steadygan.diagnosis.base import Rule
from steadygan.diagnosis.course import Course
from steadygan.diagnosis.judge import DEFAULT_RULES, headline, judge
from steadygan.diagnosis.regime_change import RegimeChange
from steadygan.diagnosis.state import StateRule
from steadygan.history import History

QUIET = ("HEALTHY", "WARMING-UP")
HEARD = 8  # readings from the first alarm on whose commonest headline counts as the class


@dataclass(frozen=True)
class Replay:
    """A judged run: at which readings it was loud, and what it said when asked."""

    stored: Stored
    history: History
    steps: NDArray[np.int64]
    loud: NDArray[np.bool_]
    _known: dict[int, str] = field(default_factory=dict)

    def first(self, since: float = -np.inf, until: float = np.inf) -> int | None:
        """The step of the first alarm from a step on, and before another."""
        found = self.steps[self.loud & (self.steps >= since) & (self.steps < until)]
        return int(found[0]) if len(found) else None

    def said(self, step: int) -> str:
        """The headline at a step."""
        if step not in self._known:
            course = Course(self.history.until(step))
            self._known[step] = headline(judge(course), course)
        return self._known[step]

    def word(self, at: int) -> str:
        """The commonest headline of the alarm that began at a step."""
        begin = int(np.searchsorted(self.steps, at))
        words = [self.said(int(step)) for step in self.steps[begin : begin + HEARD]]
        loud = [word for word in words if word not in QUIET]
        return Counter(loud).most_common(1)[0][0] if loud else ""


def replay(stored: Stored, blind: Collection[str] = ()) -> Replay:
    """Judge a run reading by reading, as it was played, without the series whose names begin with one of `blind`."""
    history = without(stored.history, tuple(blind))
    course = Course(history)
    loud = np.zeros(len(course), dtype=bool)
    for rule in DEFAULT_RULES:
        loud |= speaks(rule, course)
    return Replay(stored, history, course.steps, loud)


def without(history: History, blind: tuple[str, ...]) -> History:
    """A history less some of its series."""
    if not blind:
        return history
    kept = [name for name in history.names() if not name.startswith(blind)]
    return History.of({name: (history.steps(name), history[name]) for name in kept})


def speaks(rule: Rule, course: Course) -> NDArray[np.bool_]:
    """Whether a rule warns at each reading: [T]."""
    if isinstance(rule, RegimeChange) or not rule.can_judge(course.history):
        return np.zeros(len(course), dtype=bool)
    if isinstance(rule, StateRule):
        return rule.holds(course)
    found = (rule.check(course.history.until(int(step))) for step in course.steps)
    return np.array([finding is not None and finding.severity != "info" for finding in found], dtype=bool)
