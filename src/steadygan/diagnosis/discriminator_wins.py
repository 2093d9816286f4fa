"""DiscriminatorWins: it is nearly always right, and the generator no longer gets anything out of it."""

from typing import ClassVar, Literal

from pydantic import PositiveFloat, PositiveInt

from steadygan.diagnosis.base import Evidence, Finding, Needs, Rule, Severity
from steadygan.diagnosis.causes import of_victory
from steadygan.diagnosis.course import Course
from steadygan.diagnosis.readings import change_learning_rate, finite, newest_step, sustained
from steadygan.history import History


class DiscriminatorWins(Rule):
    """The discriminator is nearly always right AND the generator's gradient has died or its samples grow alike.

    Being right is no evidence by itself: of 95 runs that stayed stable, 80% left the accuracy band [0.6, 0.9], and BigGAN
    (Brock et al. 2019, arXiv:1809.11096, section 4.2) trains with a discriminator loss near zero. So accuracy only opens the
    question; the generator's own gradient norm or the spread of its samples must answer it, each held against this run's best.
    """

    name: Literal["discriminator_wins"] = "discriminator_wins"
    verdict: ClassVar[str] = "DISCRIMINATOR-WINS"
    needs: ClassVar[Needs] = (
        ("accuracy/discriminator",),
        ("grad_norm/generator", "diversity/pairwise_ratio"),
    )
    window: PositiveInt = 200  # steps over which accuracy is averaged
    accuracy: PositiveFloat = 0.98
    gradient_left: PositiveFloat = 0.01  # of the largest gradient norm that lasted: two orders of magnitude lost
    dead_gradient: PositiveFloat = 1e-8  # Adam's epsilon: below it even Adam stops moving
    diversity_left: PositiveFloat = 0.85  # of the best diversity that lasted, and of the data's own
    readings: PositiveInt = 3  # consecutive readings that must agree

    def check(self, history: History) -> Finding | None:
        """A failure where the gradient has died, a warning where only diversity falls, None where it still learns."""
        accuracy = self.accuracy_evidence(history)
        if accuracy is None:
            return None
        if gradient := self.gradient_evidence(history):
            return self.finding(history, "failure", "the gradient that reaches the generator has died", (accuracy, gradient))
        if diversity := self.diversity_evidence(history):
            return self.finding(history, "warning", "the generator's samples grow more and more alike", (accuracy, diversity))
        return None

    def accuracy_evidence(self, history: History) -> Evidence | None:
        """Mean accuracy over the window, where it is above the threshold in enough readings."""
        series = "accuracy/discriminator"
        steps, values = finite(history, series)
        newest = values[steps > newest_step(history) - self.window] if len(values) else values
        newest = newest if len(newest) >= self.readings else values[-self.readings :]
        if len(newest) < self.readings or newest.mean() < self.accuracy:
            return None
        return Evidence(series, float(newest.mean()), self.accuracy, self.window)

    def gradient_evidence(self, history: History) -> Evidence | None:
        """The generator's gradient norm, where it has fallen to almost nothing of what it was."""
        series = "grad_norm/generator"
        steps, values = finite(history, series)
        if len(values) < 2 * self.readings:
            return None
        threshold = max(self.gradient_left * float(sustained(values, self.readings).max()), self.dead_gradient)
        newest = values[-self.readings :]
        if newest.max() >= threshold:
            return None
        return Evidence(series, float(newest[-1]), threshold, int(steps[-1] - steps[-self.readings]))

    def diversity_evidence(self, history: History) -> Evidence | None:
        """The spread of the samples, where it has fallen below this run's best and below the data's."""
        series = "diversity/pairwise_ratio"
        steps, values = finite(history, series)
        if len(values) < 2 * self.readings:
            return None
        threshold = self.diversity_left * min(float(sustained(values, self.readings).max()), 1.0)
        newest = values[-self.readings :]
        if newest.max() >= threshold:
            return None
        return Evidence(series, float(newest[-1]), threshold, int(steps[-1] - steps[-self.readings]))

    def finding(self, history: History, severity: Severity, what: str, evidence: tuple[Evidence, ...]) -> Finding:
        """The finding, with the remedies that worked for this cause; a slower discriminator is not among them."""
        return Finding(
            rule=self.name,
            verdict=self.verdict,
            severity=severity,
            step=newest_step(history),
            reason=f"The discriminator is right on {evidence[0].value:.1%} of the images, and {what}.",
            advice="Add r1 to `stabilizers`, or choose a loss that does not saturate (--set loss=non_saturating), "
            f"or let the generator learn faster: {change_learning_rate(history, 'generator', 2.0)}. "
            "A lower discriminator learning rate rarely helps.",
            evidence=evidence,
            causes=of_victory(Course(history)),
            since=newest_step(history) - evidence[1].window,
        )
