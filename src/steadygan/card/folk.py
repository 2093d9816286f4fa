"""Rules of thumb that people use, as alarms on a history: name -> whether it fires at each reading."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from steadygan.diagnosis.course import Course, windows
from steadygan.history import History

Fires = Callable[[History], NDArray[np.bool_]]


def series(name: str, test: Callable[[NDArray[np.float64]], NDArray[np.bool_]]) -> Fires:
    """A test of the readings of one series, at three readings in a row."""
    return lambda history: np.asarray((windows(test(Course(history)[name]).astype(float), 3) == 1).all(1))


def spread(history: History) -> NDArray[np.bool_]:
    """Loss variance: the coefficient of variation of the discriminator's loss over ten readings is above 0.1."""
    recent = windows(Course(history)["loss/discriminator"], 10)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(recent.std(1) / np.abs(recent.mean(1)) > 0.1)


def growth(history: History) -> NDArray[np.bool_]:
    """Sigma growth: the generator's largest singular value grew by half within eight readings."""
    names = history.names("sigma/G.")
    course = Course(history)
    largest = np.max([course[name] for name in names], axis=0) if names else np.full(len(course), np.nan)
    recent = windows(largest, 8)
    return np.asarray(recent[:, -1] > 1.5 * recent[:, 0])


FOLK: dict[str, Fires] = {
    "discriminator's loss below 0.1": series("loss/discriminator", lambda v: v < 0.1),
    "accuracy outside 0.6 to 0.9": series("accuracy/discriminator", lambda v: (v < 0.6) | (v > 0.9)),
    "accuracy outside 0.55 to 0.95": series("accuracy/discriminator", lambda v: (v < 0.55) | (v > 0.95)),
    "gradient norm above 100": series("grad_norm/discriminator", lambda v: v > 100),
    "gradient norm above 10 or below 0.01": series("grad_norm/generator", lambda v: (v > 10) | (v < 0.01)),
    "ADA's r_t above 0.6": series("accuracy/real", lambda v: 2 * v - 1 > 0.6),
    "variance of the discriminator's loss": spread,
    "growth of the generator's sigma": growth,
}
