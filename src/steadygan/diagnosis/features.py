"""Features: signals brought to a bounded range, larger for sicker, that the fused judge adds up. One number a reading, [T]."""

from collections.abc import Callable

import numpy as np

from steadygan.diagnosis import signals
from steadygan.diagnosis.course import Course, median, so_far, windows
from steadygan.history import Floats

Feature = Callable[[Course], Floats]


def bounded(values: Floats, low: float, high: float) -> Floats:
    """Values brought into a range, so that no single one decides; NaN stays NaN."""
    return np.asarray(np.clip(values, low, high))


def log(values: Floats) -> Floats:
    """Natural logarithm, minus infinity at 0, NaN below."""
    return -signals.minus_log(values)


def rise(values: Floats) -> Floats:
    """How far a signal is above the least that it has held for three readings: [T] -> [T], NaN before."""
    held = windows(values, 3)
    worst = np.where(np.isfinite(held).all(1), np.max(held, axis=1), np.nan)
    return np.asarray(values - so_far(worst, np.fmin))


def churn(course: Course) -> Floats:
    """Churn above what two independent draws of as many reals give."""
    return signals.churn(course) - course["cells/churn_floor"]


FEATURES: dict[str, Feature] = {
    "wobble": lambda course: bounded(log(signals.wobble(course)), 0, 3),
    "coherence": lambda course: bounded(signals.coherence(course), -1.5, 1),
    "narrowness": lambda course: bounded(signals.narrowness(course), -1, 3),
    "restlessness": lambda course: bounded(log(signals.restlessness(course)), -4, 1),
    "restlessness_rise": lambda course: bounded(rise(bounded(log(signals.restlessness(course)), -6, 3)), 0, 3),
    "alikeness": lambda course: bounded(np.abs(signals.alikeness(course)), 0, 1.5),
    "alikeness_rise": lambda course: bounded(rise(bounded(np.abs(signals.alikeness(course)), 0, 1.5)), 0, 1),
    "misfit": lambda course: bounded(signals.misfit(course), 0, 0.6),
    "misfit_rise": lambda course: bounded(rise(signals.misfit(course)), 0, 0.6),
    "lost_cells": lambda course: bounded(signals.lost_cells(course), 0, 1),
    "lost_cells_rise": lambda course: bounded(rise(signals.lost_cells(course)), 0, 1),
    "lost_recall": lambda course: bounded(signals.lost_recall(course), 0, 1),
    "churn": lambda course: bounded(churn(course), 0, 1),
}
# What each feature is made of, in the words of the history.
SERIES = {
    "wobble": "wobble/logits",
    "coherence": "update_coherence/discriminator",
    "narrowness": "dispersion/logits",
    **dict.fromkeys(("restlessness", "restlessness_rise"), "ema/sample_gap"),
    **dict.fromkeys(("alikeness", "alikeness_rise"), "diversity/pairwise_ratio"),
    **dict.fromkeys(("misfit", "misfit_rise"), "cells/js"),
    **dict.fromkeys(("lost_cells", "lost_cells_rise"), "coverage/cells"),
    "lost_recall": "coverage/recall",
    "churn": "cells/churn",
}


def natural(course: Course, name: str, value: float) -> float:
    """A feature's value at the newest reading in the units of its series: `wobble` 1.1 is a wobble of e^1.1 = 3."""
    level, series = name.removesuffix("_rise"), SERIES[name]
    if level != name:  # a rise to this height is this level
        now = [float(course.made(FEATURES[one])[-1]) if one in FEATURES else value for one in (level, name)]
        value = now[0] - now[1] + value
    if level in ("wobble", "restlessness"):
        return float(np.exp(value))
    if level in ("narrowness", "alikeness"):
        return float(np.exp(-value))
    if level == "coherence":
        return value
    floor = float(median(course.windows(f"{series}_floor"))[-1])
    return floor - value if series.startswith("coverage/") else floor + value
