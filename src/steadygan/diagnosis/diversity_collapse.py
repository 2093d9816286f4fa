"""DiversityCollapse: the samples have grown alike, against this run's own best and against the data."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import PositiveFloat, PositiveInt

from steadygan.diagnosis.base import Evidence, Finding, Needs, Rule, Severity
from steadygan.diagnosis.causes import FAST_GENERATOR, STRONG_DISCRIMINATOR
from steadygan.diagnosis.course import Course, lasting_since
from steadygan.diagnosis.fused import can_judge
from steadygan.diagnosis.readings import change_learning_rate, finite, newest_step, sustained
from steadygan.history import History

SERIES = "diversity/pairwise_ratio"  # mean pairwise distance of fakes over that of reals


class DiversityCollapse(Rule):
    """The samples' spread fell well below the best of this run and below an absolute guard, or never came near the data's.

    Both are needed for a fall: the threshold of a pairwise distance does not carry over from one data set to another (healthy
    runs read 0.93 to 1.1 on 2-D toys, 0.79 to 1.27 on digits), and a run that starts from noise comes down in health. Samples
    that hop from mode to mode look diverse for a reading or two, so it takes as many good readings to end a finding as bad
    ones to begin it.
    """

    name: Literal["diversity_collapse"] = "diversity_collapse"
    verdict: ClassVar[str] = "MODE-COLLAPSE"
    needs: ClassVar[Needs] = ((SERIES,),)
    left: PositiveFloat = 0.85  # of the best that lasted, so far
    guard: PositiveFloat = 0.7  # of the data's own diversity; below the lowest that healthy runs show
    lost: PositiveFloat = 0.5  # of the data's own diversity: below it the finding is a failure
    readings: PositiveInt = 3  # consecutive readings that begin or end a finding
    early: PositiveInt = 20  # readings within which many runs dip and recover: a warning at most
    patience: PositiveInt = 2000  # steps after which samples that never reached `lost` are spoken of

    def check(self, history: History) -> Finding | None:
        """A warning below the guard; a failure, once the start is over, where half of the data's diversity is lost."""
        if can_judge(history):
            return None  # there is more to go by than the spread alone
        steps, values = finite(history, SERIES)
        if len(values) < 2 * self.readings:
            return None
        best = np.maximum.accumulate(np.r_[[0.0] * (self.readings - 1), sustained(values, self.readings)])
        threshold = np.minimum(self.left * best, self.guard)
        since = lasting_since(values < threshold, self.readings)
        if since is None:
            return self.never_spread(history, float(best[-1]))
        lost = lasting_since(values < np.minimum(threshold, self.lost), self.readings) is not None
        low = float(values[-self.readings :].min())
        return self.finding(
            history,
            "failure" if lost and len(values) > self.early else "warning",
            f"The samples came down to {low:.0%} of the data's diversity, from {best[-1]:.0%}, since step {steps[since]:,}.",
            Evidence(SERIES, low, float(threshold[-1]), int(steps[-1] - steps[since])),
        )

    def never_spread(self, history: History, best: float) -> Finding | None:
        """A warning where even the best that lasted is below half of the data's diversity, and the start is long over."""
        step = newest_step(history)
        if best >= self.lost or step < self.patience:
            return None
        reason = f"In {step:,} steps the samples never had more than {best:.0%} of the data's diversity."
        return self.finding(history, "warning", reason, Evidence(SERIES, best, self.lost, step))

    def finding(self, history: History, severity: Severity, reason: str, evidence: Evidence) -> Finding:
        """The finding, with the remedy for its likely cause."""
        step, told = newest_step(history), (evidence, *players(history))
        since = step - evidence.window
        cause = (STRONG_DISCRIMINATOR if strong(history) else FAST_GENERATOR).cause(Course(history))
        return Finding(self.name, self.verdict, severity, step, reason, remedy(history), told, since=since, causes=(cause,))


def players(history: History) -> tuple[Evidence, ...]:
    """Who is ahead: the discriminator's accuracy, where it was recorded; it decides the advice, not the verdict."""
    value = accuracy(history)
    return () if value is None else (Evidence("accuracy/discriminator", value, 0.8, 0),)


def accuracy(history: History) -> float | None:
    """The median of the newest three readings of the discriminator's accuracy."""
    _, values = finite(history, "accuracy/discriminator")
    return float(np.median(values[-3:])) if len(values) else None


def strong(history: History) -> bool:
    """Whether the discriminator is ahead: runs where it was too strong read 0.83 to 0.94, all others up to 0.70."""
    value = accuracy(history)
    return value is not None and value > 0.8


def remedy(history: History) -> str:
    """What cured this kind of collapse: it depends on which player is ahead."""
    if strong(history):
        return "The discriminator is too strong: add r1 to `stabilizers`. A lower discriminator learning rate rarely helps."
    return (
        "The generator runs from mode to mode: let it learn ten times slower, "
        f"{change_learning_rate(history, 'generator', 0.1)}; with spectral_norm in `stabilizers`, raise its coefficient too. "
        "If the data was changed or moved, look at what the loader serves first."
    )
