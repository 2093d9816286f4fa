"""DivergingNorms: logits, gradients or weights run away by orders of magnitude, together."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import PositiveFloat, PositiveInt

from steadygan.diagnosis.base import Evidence, Finding, Needs, Rule
from steadygan.diagnosis.causes import of_divergence
from steadygan.diagnosis.course import Course
from steadygan.diagnosis.readings import change_learning_rate, finite, newest_step
from steadygan.history import Floats, History

# One vote a group. Logit levels are left out: under a Wasserstein loss the discriminator may add any constant to them.
GROUPS = {
    "logits": ("loss/discriminator", "gap/logits", "logit_std/"),
    "gradient norms": ("grad_norm/",),
    "weights": ("sigma/",),
}


class DivergingNorms(Rule):
    """At least two of logits, gradient norms and weights have left this run's own range by orders of magnitude, and stay out.

    A series runs away where all its readings since some step are above its own median + 8 median absolute deviations (of the
    logarithm, up to that step) and a hundred times its median (at least 1). One group alone does not count: under a
    Wasserstein loss without control sigma grew from 5 to 32 and the logit gap from 1.6 to 15 while the samples got better.
    """

    name: Literal["diverging_norms"] = "diverging_norms"
    verdict: ClassVar[str] = "DIVERGENCE"
    needs: ClassVar[Needs] = (("gap/logits", "logit_std/", "loss/discriminator"), ("grad_norm/", "sigma/"))
    readings: PositiveInt = 3  # consecutive readings that must be out of range
    earlier: PositiveInt = 5  # readings that a range of its own takes
    deviations: PositiveFloat = 8.0
    growth: PositiveFloat = 100.0  # times the median
    groups: PositiveInt = 2  # how many must agree

    def can_judge(self, history: History) -> bool:
        """Whether enough groups were recorded."""
        return sum(any(map(history.names, prefixes)) for prefixes in GROUPS.values()) >= self.groups

    def check(self, history: History) -> Finding | None:
        """A failure that names what runs away and since when."""
        votes = {group: found for group, series in GROUPS.items() if (found := self.runaways(history, series))}
        if len(votes) < self.groups:
            return None
        step = newest_step(history)
        evidence = tuple(worst(found) for found in votes.values())
        since = step - max(item.window for item in evidence)
        return Finding(
            rule=self.name,
            verdict=self.verdict,
            severity="failure",
            step=step,
            reason=f"{' and '.join(votes).capitalize()} run away since step {since:,}: "
            f"{evidence[0].series} is at {evidence[0].value:.3g}, its own range ends at {evidence[0].threshold:.3g}.",
            advice="Go back to checkpoints/safe and halve both learning rates: "
            f"{change_learning_rate(history, 'discriminator', 0.5)} {change_learning_rate(history, 'generator', 0.5)}. "
            "If the discriminator has no spectral_norm and no r1 in `stabilizers`, add one.",
            causes=of_divergence(Course(history)),
            evidence=evidence,
            since=since,
        )

    def runaways(self, history: History, prefixes: tuple[str, ...]) -> list[Evidence]:
        """One piece of evidence for each series of the group that runs away."""
        names = [name for prefix in prefixes for name in history.names(prefix)]
        return [evidence for name in names if (evidence := self.runaway(history, name))]

    def runaway(self, history: History, name: str) -> Evidence | None:
        """The newest reading of `name` against the end of its own range, where all since some step are beyond it."""
        newest = history.last(name)
        if newest is not None and abs(newest) < self.growth:
            return None  # a healthy series is never read further
        steps, values = finite(history, name)
        sizes = np.abs(values)
        for onset in range(self.earlier, len(sizes) - self.readings + 1):
            tail = sizes[onset:].min()
            if tail < self.growth or tail < self.growth * sizes[:onset].min():
                continue  # the cheap test before the median
            if tail > (end := self.end_of_range(sizes[:onset])):
                return Evidence(name, float(values[-1]), float(end), newest_step(history) - int(steps[onset]))
        return None

    def end_of_range(self, earlier: Floats) -> float:
        """The largest size that this series may have, judged by its earlier sizes [N]."""
        logs = np.log10(np.maximum(earlier, 1e-30))
        median = float(np.median(logs))
        deviation = float(np.median(np.abs(logs - median)))
        # Fifteen decades of room at most: beyond that the range says nothing and the power would overflow.
        return max(10 ** (median + min(self.deviations * deviation, 15.0)), self.growth * max(10**median, 1.0))


def worst(found: list[Evidence]) -> Evidence:
    """The piece of evidence furthest beyond its threshold."""
    return max(found, key=lambda item: abs(item.value) / item.threshold)
