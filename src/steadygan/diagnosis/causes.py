"""Causes: what is likely behind an oscillation or a collapse, by the fingerprints that known causes have left.

A verdict says what is wrong; the remedy depends on why. No remedy was right for all causes, and the commonest advice, a lower
learning rate for the discriminator, was the worst of all that were tried.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from steadygan.diagnosis.base import Cause
from steadygan.diagnosis.course import Course, mean
from steadygan.diagnosis.readings import learning_rate
from steadygan.diagnosis.signals import separation
from steadygan.history import Floats, History

Value = Callable[[Course], float]


@dataclass(frozen=True)
class Sign:
    """One sign of a cause: a number, what it is called, and the range that speaks for the cause."""

    words: str
    value: Value
    low: float = -np.inf
    high: float = np.inf

    def seen(self, course: Course) -> bool | None:
        """Whether the number is in range; None where it is not known."""
        value = self.value(course)
        return None if not np.isfinite(value) else self.low <= value <= self.high


@dataclass(frozen=True)
class Fingerprint:
    """A cause with its signs, of which the first must not be missed. `settings` makes the remedy's assignments."""

    name: str
    signs: tuple[Sign, ...]
    advice: str
    settings: Callable[[History], tuple[str, ...]] = lambda _: ()

    def share(self, course: Course) -> float:
        """Share of the signs that are seen among those that are known: 0..1, 0 where none is."""
        seen = [sign.seen(course) for sign in self.signs]
        votes = [one for one in seen if one is not None]
        return sum(votes) / len(votes) if votes and seen[0] is not False else 0.0

    def cause(self, course: Course) -> Cause:
        """The cause with the signs that were seen."""
        seen = [f"{sign.words} {sign.value(course):.3g}" for sign in self.signs if sign.seen(course)]
        return Cause(self.name, ", ".join(seen), self.advice, self.settings(course.history))


def ranked(course: Course, fingerprints: tuple[Fingerprint, ...]) -> tuple[Cause, ...]:
    """The causes at least half of whose signs are seen, the likeliest first; among equals the order given decides."""
    shares = {one.name: one.share(course) for one in fingerprints}
    order = sorted(fingerprints, key=lambda one: -shares[one.name])
    return tuple(one.cause(course) for one in order if shares[one.name] >= 0.5)


def newest(series: str) -> Value:
    """Mean of a series over the newest window."""
    return lambda course: last(mean(course.windows(series)))


def last(values: Floats) -> float:
    """The last value; NaN where there is none."""
    return float(values[-1]) if len(values) else float("nan")


def log_step(player: str) -> Value:
    """Natural logarithm of an update's length over that of the weights."""

    def value(course: Course) -> float:
        update, weight = newest(f"update_norm/{player}")(course), newest(f"weight_norm/{player}")(course)
        return float(np.log(update / weight)) if update > 0 and weight > 0 else float("nan")

    return value


def lead(course: Course) -> float:
    """How much longer, in logarithms, the generator's relative steps are than the discriminator's."""
    return log_step("generator")(course) - log_step("discriminator")(course)


def gap_in_deviations(course: Course) -> float:
    """The logit gap in standard deviations of the reals' logits."""
    return last(separation(course))


def memory(course: Course) -> float:
    """The discriminator's momentum, as its update cosine and coherence show: coherence = (cosine - b) / (1 - b)."""
    cosine, rest = newest("update_cosine/discriminator")(course), newest("update_coherence/discriminator")(course)
    return (cosine - rest) / (1 - rest) if np.isfinite(rest) and rest < 0.999 else float("nan")


def bound(course: Course) -> float:
    """Whether something bounds the discriminator's slope: 1 for spectral normalization or a gradient penalty, else 0."""
    return float(bool(course.history.names("sigma_error/")) or "penalty/gradient_penalty" in course)


def regularized(course: Course) -> float:
    """Whether anything holds the discriminator: 1 or 0; NaN where the history says nothing of how it was trained."""
    held = bool(course.history.names("penalty/")) or bound(course) > 0
    return float(held) if held or course.history.names("sigma/") else float("nan")


FAST_GENERATOR = Fingerprint(
    "the generator is too fast",
    (
        Sign("log of its relative step", log_step("generator"), low=-4.6),
        Sign("log of its steps over the discriminator's", lead, low=0.5),
    ),
    "Let the generator learn ten times slower",
    lambda history: (learning_rate(history, "generator", 0.1),),
)
STARVED = Fingerprint(
    "normalization or penalty starves the discriminator",
    (
        Sign("slope bounded", bound, low=1),
        Sign("gap in deviations", gap_in_deviations, high=0.35),
        Sign("area under the curve", newest("auc/discriminator"), high=0.62),
    ),
    "Give the discriminator a larger slope: double or triple the coefficient of spectral_norm in `stabilizers`, or lower the "
    "weight of the gradient penalty tenfold; or let the generator learn ten times slower",
    lambda history: (learning_rate(history, "generator", 0.1),),
)
MOMENTUM = Fingerprint(
    "momentum",
    (Sign("momentum", memory, low=0.8), Sign("coherence", newest("update_coherence/discriminator"), low=0.8)),
    "Let the optimizers forget",
    lambda _: ("discriminator.optimizer.beta1=0.0", "generator.optimizer.beta1=0.0"),
)
UNREGULARIZED = Fingerprint(
    "nothing regularizes the discriminator",
    (Sign("regularized", regularized, high=0), Sign("gap in deviations", gap_in_deviations, low=0.2)),
    "Add r1 to `stabilizers`",
    lambda _: ("stabilizers+={name: r1, gamma: 0.1}",),
)
STRONG_DISCRIMINATOR = Fingerprint(
    "the discriminator is too strong",
    (
        Sign("accuracy", newest("accuracy/discriminator"), low=0.8),
        Sign("area under the curve", newest("auc/discriminator"), low=0.88),
        Sign("gap in deviations", gap_in_deviations, low=1.5),
    ),
    "Add r1 to `stabilizers`",
    lambda _: ("stabilizers+={name: r1, gamma: 0.1}",),
)
SLOW_GENERATOR = Fingerprint(
    "the generator is too slow",
    (
        Sign("log of its relative step", log_step("generator"), high=-7.0),
        Sign("log of its steps over the discriminator's", lead, high=-0.5),
    ),
    "Let the generator learn faster",
    lambda history: (learning_rate(history, "generator", 3.0),),
)
OF_OSCILLATION = (STARVED, MOMENTUM, FAST_GENERATOR, UNREGULARIZED)
OF_COLLAPSE = (STRONG_DISCRIMINATOR, SLOW_GENERATOR, FAST_GENERATOR, STARVED, UNREGULARIZED)
