"""Series as a rule reads them: without missing values, and with one stray reading never deciding anything."""

import math

import numpy as np
from numpy.typing import NDArray

from steadygan.history import Floats, History

Steps = NDArray[np.int64]


def finite(history: History, name: str) -> tuple[Steps, Floats]:
    """The steps and values of `name` that are finite; both empty where it was never recorded. A NaN is a missing vote."""
    steps, values = history.steps(name), history[name]
    keep = np.isfinite(values)
    return steps[keep], values[keep]


def sustained(values: Floats, readings: int = 3) -> Floats:
    """The median of each run of `readings` neighbours: [N] -> [N - readings + 1]; what lasted, not what flashed by.

    >>> sustained(np.array([1.0, 9.0, 1.0, 1.0]))
    array([1., 1.])
    """
    if len(values) < readings:
        return np.empty(0)
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(values, readings), axis=1), dtype=np.float64)


def newest_step(history: History) -> int:
    """The step of the last record, 0 for an empty history."""
    return int(history.steps().max(initial=0))


def base_learning_rate(history: History, player: str) -> float | None:
    """The largest learning rate of `player` so far: the one in the config, before any decay. None where it is not recorded."""
    _, rates = finite(history, f"learning_rate/{player}")
    return float(rates.max()) if len(rates) else None


def learning_rate(history: History, player: str, factor: float) -> str:
    """The assignment that multiplies the learning rate of `player` by `factor`, with the number filled in where it is known."""
    rate = base_learning_rate(history, player)
    value = f"(today's times {factor:g})" if rate is None else significant(rate * factor)
    return f"{player}.optimizer.learning_rate={value}"


def change_learning_rate(history: History, player: str, factor: float) -> str:
    """The option that makes that assignment."""
    return f"--set {learning_rate(history, player, factor)}"


def significant(value: float, digits: int = 2) -> str:
    """`value` with `digits` significant digits and no exponent down to a millionth: 2e-05 -> '0.00002'."""
    if not math.isfinite(value) or value == 0 or not 1e-6 <= abs(value) < 1e6:
        return f"{value:.{digits}g}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
