"""Wobble: how far the gap between real and fake logits swings over time, in units of what chance makes of it."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FEWEST = 8  # steps of which a swing can be told from a slope


def swing(gap: Floats) -> float:
    """Standard deviation of a series about its own straight line: [T] -> at least 0, NaN for fewer than `FEWEST` numbers.

    >>> round(swing(np.arange(10.0)), 6)
    0.0
    """
    if len(gap) < FEWEST:
        return float("nan")
    time = np.linspace(-1, 1, len(gap))
    centred = gap - gap.mean()
    rest = centred - time * (centred @ time) / (time @ time)
    return float(np.sqrt(rest @ rest / (len(gap) - 2)))


def gap_readings(gap: Floats, chance: float) -> dict[str, float]:
    """What the mean logit gap of each step says: [T] and the variance that it has by chance -> the readings by name.

    `gap/swing` is its spread over time, `gap/chance` the spread that batches drawn at random from two unchanging sets of
    logits show, and `wobble/logits` the one over the other: 1 in a game at rest, for every loss, network and batch size.
    """
    spread = swing(gap)
    if not (np.isfinite(spread) and np.isfinite(chance) and chance > 0):
        return {}
    return {"gap/swing": spread, "gap/chance": chance**0.5, "wobble/logits": spread / chance**0.5}
