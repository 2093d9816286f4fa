"""NonFinite: a number of the training itself is no longer a number."""

import math
from typing import ClassVar, Literal

from steadygan.diagnosis.base import Evidence, Finding, Needs, Rule
from steadygan.diagnosis.causes import of_divergence
from steadygan.diagnosis.course import Course
from steadygan.diagnosis.readings import change_learning_rate, newest_step
from steadygan.history import History


class NonFinite(Rule):
    """The newest reading of a loss, penalty, logit, gradient norm or sigma is NaN or infinite: from here on nothing is learned.

    Scores, ratios and condition numbers are not read: they are undefined in healthy runs too (a singular weight, one sample).
    """

    name: Literal["non_finite"] = "non_finite"
    verdict: ClassVar[str] = "NON-FINITE"
    needs: ClassVar[Needs] = (("loss/", "logit/", "grad_norm/", "sigma/", "penalty/"),)
    prefixes: tuple[str, ...] = ("loss/", "penalty/", "logit/", "grad_norm/", "sigma/")

    def check(self, history: History) -> Finding | None:
        """A failure that names the series and the step since which they are broken."""
        broken = {
            name: since for prefix in self.prefixes for name in history.names(prefix) if (since := broken_since(history, name))
        }
        if not broken:
            return None
        step, first = newest_step(history), min(broken.values())
        others = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
        return Finding(
            rule=self.name,
            verdict=self.verdict,
            severity="failure",
            step=step,
            reason=f"{min(broken, key=broken.__getitem__)}{others} stopped being a finite number at step {first:,}.",
            advice="Go back to checkpoints/safe and halve both learning rates: "
            f"{change_learning_rate(history, 'discriminator', 0.5)} {change_learning_rate(history, 'generator', 0.5)}. "
            "If it comes back at the same step, look at the data of that batch.",
            since=first,
            causes=of_divergence(Course(history)),
            evidence=tuple(Evidence(name, math.nan, math.inf, step - since) for name, since in list(broken.items())[:5]),
        )


def broken_since(history: History, name: str) -> int | None:
    """The first step of the unbroken tail of non-finite readings of `name`; None where the newest reading is finite."""
    newest = history.last(name)
    if newest is None or math.isfinite(newest):
        return None
    since = None
    for step, value in zip(history.steps(name)[::-1], history[name][::-1], strict=True):
        if math.isfinite(value):
            break
        since = int(step)
    return since
