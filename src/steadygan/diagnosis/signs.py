"""Signs: single numbers that tell one cause of a sick run from another, each of the newest window of a course."""

from collections.abc import Callable

import numpy as np

from steadygan.diagnosis.course import Course, mean, median, windows
from steadygan.diagnosis.signals import separation
from steadygan.diagnosis.spectral_spike import SpectralSpike
from steadygan.history import Floats, History

Value = Callable[[Course], float]
PLAYERS = ("discriminator", "generator")
BOUNDS = ("sigma_error/", "penalty/wgan_gp", "penalty/gradient_penalty")
SPIKE = SpectralSpike()
RISE = 3.0  # of a learning rate, over its usual one, that is none of a schedule's


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


def in_force(course: Course, prefix: str) -> bool:
    """Whether any series of that name is still read: it is not longer since its last reading than it ever was between two."""
    return any(still_read(course, name) for name in course.history.names(prefix))


def still_read(course: Course, name: str) -> bool:
    """Whether a series is read to this day, be it at every reading or at every other."""
    steps = course.steps[np.isfinite(course[name])]
    return bool(len(steps)) and course.steps[-1] - steps[-1] < np.diff(steps).max(initial=1)


def bound(course: Course) -> float:
    """Whether something bounds the discriminator's slope: 1 for spectral normalization or a gradient penalty, else 0."""
    return float(any(in_force(course, prefix) for prefix in BOUNDS))


def regularized(course: Course) -> float:
    """Whether anything holds the discriminator: 1 or 0; NaN where the history says nothing of how it was trained."""
    held = in_force(course, "penalty/") or bound(course) > 0
    return float(held) if held or course.history.names("sigma/") else float("nan")


def usual_rate(history: History, player: str) -> float:
    """The median of a player's learning rate over all readings; NaN where it was not recorded."""
    rates = history[f"learning_rate/{player}"]
    rates = rates[np.isfinite(rates)]
    return float(np.median(rates)) if len(rates) else float("nan")


def risen(history: History, player: str) -> float:
    """A player's learning rate over its usual one."""
    rate = history.last(f"learning_rate/{player}")
    usual = usual_rate(history, player)
    return rate / usual if rate is not None and usual > 0 else float("nan")


def most_risen(course: Course) -> float:
    """The larger of both players' learning rates over their usual ones."""
    return float(np.fmax(risen(course.history, "discriminator"), risen(course.history, "generator")))


def jumped(course: Course) -> float:
    """Whether a weight's largest singular value has just jumped: 1 or 0; NaN where none was read."""
    return float(SPIKE.holds(course)[-1]) if course.history.names("sigma/") else float("nan")


def batch(course: Course) -> float:
    """Real images a step, over the newest window."""
    each = np.diff(course["images_seen"]) / np.diff(course.steps)
    return last(median(windows(each, course.readings)))
