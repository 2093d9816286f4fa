"""Causes: what is likely behind an oscillation or a collapse, by the fingerprints that known causes have left.

A verdict says what is wrong; the remedy depends on why. Each remedy here is the one that cured most of ten runs that were sick
for that reason alone. None was right for more than three of nine causes, and the commonest advice, a lower learning rate for
the discriminator, cured 3 of 80 runs. `benchmarks/doctor/remedies.py` makes the table.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from steadygan.diagnosis.base import Cause
from steadygan.diagnosis.course import Course
from steadygan.diagnosis.readings import learning_rate, significant
from steadygan.diagnosis.signs import (
    PLAYERS,
    RISE,
    Value,
    batch,
    bound,
    gap_in_deviations,
    jumped,
    lead,
    log_step,
    memory,
    most_risen,
    newest,
    regularized,
    risen,
    usual_rate,
)
from steadygan.history import History


@dataclass(frozen=True)
class Sign:
    """One sign of a cause: how it is told, with {} for its number, the number, and the range that speaks for the cause."""

    words: str
    value: Value
    low: float = -np.inf
    high: float = np.inf
    logarithm: bool = False  # the number is one, and is told as what it is of

    def seen(self, course: Course) -> bool | None:
        """Whether the number is in range; None where it is not known."""
        value = self.value(course)
        return None if not np.isfinite(value) else self.low <= value <= self.high

    def told(self, course: Course) -> str:
        """The sign in words, with its number.

        >>> Sign("a step changes {} of its weights", lambda course: -4.6, logarithm=True).told(Course(History()))
        'a step changes 0.01 of its weights'
        """
        value = self.value(course)
        return self.words.format(f"{np.exp(value) if self.logarithm else value:.2g}")


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
        seen = [sign.told(course) for sign in self.signs if sign.seen(course)]
        return Cause(self.name, ", ".join(seen), self.advice, self.settings(course.history))


def ranked(course: Course, fingerprints: tuple[Fingerprint, ...]) -> tuple[Cause, ...]:
    """The causes at least half of whose signs are seen, the likeliest first; among equals the order given decides."""
    shares = {one.name: one.share(course) for one in fingerprints}
    order = sorted(fingerprints, key=lambda one: -shares[one.name])
    return tuple(one.cause(course) for one in order if shares[one.name] >= 0.5)


def usual_rates(history: History) -> tuple[str, ...]:
    """The assignments that bring risen learning rates back."""
    high = [player for player in PLAYERS if risen(history, player) >= RISE]
    return tuple(f"{player}.optimizer.learning_rate={significant(usual_rate(history, player))}" for player in high)


def larger_slope(history: History) -> tuple[str, ...]:
    """The assignment that lets the discriminator be steeper: what its norms are brought to, tripled, or a tenth of the weight
    that a gradient penalty has by default."""
    normalized = [name.removeprefix("sigma_error/") for name in history.names("sigma_error/")]
    norms = [norm for name in normalized if (norm := history.last(f"sigma/{name}")) is not None]
    if norms:
        return (f"stabilizers.spectral_norm.coefficient={significant(3 * float(np.median(norms)))}",)
    if "penalty/wgan_gp" in history:
        return ("stabilizers.wgan_gp.weight=1",)
    return (learning_rate(history, "generator", 0.1),)


RISEN = Fingerprint(
    "a learning rate has risen",
    (Sign("{} times its usual value", most_risen, low=RISE),),
    "Bring it back to what it was",
    usual_rates,
)
JUMPED = Fingerprint(
    "weights have jumped",
    (Sign("a largest singular value is several times what it was", jumped, low=1),),
    "Go back to a checkpoint from before, and look at what was done to the run then",
)
FAST_GENERATOR = Fingerprint(
    "the generator is too fast",
    (
        Sign("a step changes {} of its weights", log_step("generator"), low=-4.6, logarithm=True),
        Sign("its steps are {} times the discriminator's", lead, low=0.5, logarithm=True),
    ),
    "Let the generator learn ten times slower, which cured 10 of 10 such runs in 2-D",
    lambda history: (learning_rate(history, "generator", 0.1),),
)
STARVED = Fingerprint(
    "normalization or penalty starves the discriminator",
    (
        Sign("its slope is bounded", bound, low=1),
        Sign("the logit gap is {} standard deviations", gap_in_deviations, high=0.35),
        Sign("area under the ROC curve {}", newest("auc/discriminator"), high=0.62),
    ),
    "Give the discriminator a larger slope: triple the coefficient of spectral_norm in `stabilizers`, or lower the weight of "
    "the gradient penalty tenfold, either of which cured 10 of 10 such runs in 2-D",
    larger_slope,
)
MOMENTUM = Fingerprint(
    "momentum",
    (
        Sign("momentum {}", memory, low=0.8),
        Sign("coherence of its updates {}", newest("update_coherence/discriminator"), low=0.8),
    ),
    "Let the optimizers forget, which cured 10 of 10 such runs with Adam in 2-D",
    lambda _: ("discriminator.optimizer.beta1=0.0", "generator.optimizer.beta1=0.0"),
)
UNREGULARIZED = Fingerprint(
    "nothing regularizes the discriminator",
    (
        Sign("no normalization and no penalty", regularized, high=0),
        Sign("the logit gap is {} standard deviations", gap_in_deviations, low=0.2),
    ),
    "Add r1 to `stabilizers`, which cured 10 of 10 such runs in 2-D",
    lambda _: ("stabilizers+={name: r1, gamma: 0.1}",),
)
BOTH_FAST = Fingerprint(
    "both players are too fast",
    (
        Sign("a step changes {} of the discriminator's weights", log_step("discriminator"), low=-4.6, logarithm=True),
        Sign("{} of the generator's", log_step("generator"), low=-4.7, logarithm=True),
    ),
    "Let the generator learn ten times slower, which cured 10 of 10 such runs in 2-D",
    lambda history: (learning_rate(history, "generator", 0.1),),
)
SMALL_BATCH = Fingerprint(
    "the batches are too small",
    (Sign("{} images a step", batch, high=8),),
    "Take larger batches: 64 in place of 4 cured 10 of 10 such runs in 2-D",
    lambda _: ("batch_size=64",),
)
STRONG_DISCRIMINATOR = Fingerprint(
    "the discriminator is too strong",
    (
        Sign("accuracy {}", newest("accuracy/discriminator"), low=0.8),
        Sign("area under the ROC curve {}", newest("auc/discriminator"), low=0.88),
        Sign("the logit gap is {} standard deviations", gap_in_deviations, low=1.5),
    ),
    "Add r1 to `stabilizers`, which cured 10 of 10 such runs in 2-D",
    lambda _: ("stabilizers+={name: r1, gamma: 0.1}",),
)
SLOW_GENERATOR = Fingerprint(
    "the generator is too slow",
    (
        Sign("a step changes {} of its weights", log_step("generator"), high=-7.0, logarithm=True),
        Sign("its steps are {} times the discriminator's", lead, high=-0.5, logarithm=True),
    ),
    "Let the generator learn faster, from a checkpoint before the collapse: after it that cured none of 10 runs in 2-D",
    lambda history: (learning_rate(history, "generator", 3.0),),
)
SUDDEN = (RISEN, JUMPED)


def of_divergence(course: Course) -> tuple[Cause, ...]:
    """What makes numbers run away: what happened to the run, if anything did; else learning rates that are too high for it."""
    rates = tuple(learning_rate(course.history, player, 0.5) for player in PLAYERS)
    found = ranked(course, (*SUDDEN, UNREGULARIZED))
    return (
        *found,
        Cause(
            "the learning rates are too high",
            "nothing else is known",
            "Halve both learning rates; if it comes back at the same step, look at the data of that batch",
            rates,
        ),
    )


def of_victory(course: Course) -> tuple[Cause, ...]:
    """Why a discriminator wins: the likeliest first, that it is too strong where nothing speaks for more."""
    return ranked(course, (STRONG_DISCRIMINATOR, SLOW_GENERATOR, UNREGULARIZED)) or (STRONG_DISCRIMINATOR.cause(course),)


OF_OSCILLATION = (*SUDDEN, STARVED, MOMENTUM, BOTH_FAST, SMALL_BATCH, FAST_GENERATOR, UNREGULARIZED)
OF_COLLAPSE = (
    *SUDDEN,
    SLOW_GENERATOR,
    MOMENTUM,
    STRONG_DISCRIMINATOR,
    BOTH_FAST,
    SMALL_BATCH,
    FAST_GENERATOR,
    STARVED,
    UNREGULARIZED,
)
