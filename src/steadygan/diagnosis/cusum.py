"""Cumulative sum (Page 1954, "Continuous inspection schemes"): small excesses add up to an alarm, a great one raises it."""

import numpy as np

from steadygan.diagnosis.course import Booleans
from steadygan.history import Floats

AT_MOST = 2.0  # that a single reading may add: one that is off by any amount ends soon after
DEEPEST = 3.0  # times the height of an alarm, above which nothing is added


def cusum(excess: Floats, height: float, calm: int) -> Booleans:
    """Whether an alarm stands at each reading: [T] -> [T].

    Excesses above 0 add to a sum and those below take from it, never under 0. The alarm begins when the sum passes the height,
    and ends, the sum at 0 again, after so many readings in a row without excess. NaN adds nothing.

    >>> cusum(np.array([0.4, 0.4, -1.0, 0.7, 0.7, -1.0, -1.0, 0.5]), 1.0, 2).tolist()
    [False, False, False, False, True, True, False, False]
    """
    found, total, stands, quiet = np.zeros(len(excess), dtype=bool), 0.0, False, 0
    for index, value in enumerate(np.clip(np.nan_to_num(excess), -AT_MOST, AT_MOST).tolist()):
        total = min(max(total + value, 0.0), DEEPEST * height)
        quiet = quiet + 1 if value <= 0 else 0
        if stands and quiet == calm:
            stands, total = False, 0.0
        elif not stands and total > height:
            stands = True
        found[index] = stands
    return found
