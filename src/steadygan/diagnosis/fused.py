"""The fused judge: a few features added up, with weights that were fitted to labelled runs and can be read in `weights.json`.

Each feature can only add to the suspicion, never take from it, and each is bounded; so what the sum says can be told in words.
Several tiers, by what was measured: of the logits alone, with samples beside them, and with a reference of reals. A window of
readings tells more than the newest one, and tells it later: the newest counts as well, where it says a good deal more.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from steadygan.diagnosis.base import Cause, Evidence
from steadygan.diagnosis.course import FEWEST, Booleans, Course, lasting, mean, windows
from steadygan.diagnosis.cusum import cusum
from steadygan.diagnosis.features import FEATURES, SERIES, natural
from steadygan.diagnosis.state import Says
from steadygan.history import Floats, History

HEIGHT = 1.0  # to which the excess of readings adds up before an alarm is raised
READINGS = 3  # quarters of a window in a row that end an alarm
HASTE = 2.0  # by how much the newest reading must say more than the window to count instead of it
CALM = 4  # readings in a row that end the start of a run
START_STEPS, START_READINGS = 800, 16  # after which the start is over for a run that does not get on
PROGRESS = 0.4  # by which the suspicion must come down while the number of steps doubles
HOPELESS = 3.0  # above the threshold of an alarm, from which on to come down is no progress yet
DOUBT = 1.0  # below the threshold of an alarm, in which a run is not called calm


@dataclass(frozen=True)
class Tier:
    """The weights for one set of features.

    Attributes:
        name: the most that it needs: reference, cells, samples, spread or logits.
        weights: feature -> weight, at least 0.
        usual: feature -> the value that one in twenty stable readings exceeds.
        bias: added to the sum.
        warning, failure: sums from which on an alarm is raised.
        precision: (sum, share of the readings with at least that sum that were sick), rising.
    """

    name: str
    weights: dict[str, float]
    usual: dict[str, float]
    bias: float
    warning: float
    failure: float
    precision: tuple[tuple[float, float], ...]

    def suspicion(self, course: Course) -> Floats:
        """The sum at each reading of its window or, if that is more, of its newest part less `HASTE`: [T], NaN for neither."""
        return np.fmax(self.sum(course), self.sum(course.newest) - HASTE)

    def sum(self, course: Course) -> Floats:
        """The features added up at each reading: [T], NaN where one is missing."""
        return np.asarray(sum((weight * course.made(FEATURES[name]) for name, weight in self.weights.items()), self.bias))

    def behind(self, course: Course) -> Course:
        """The course that the newest suspicion was read from: of windows, or of their newest part."""
        return course if self.suspicion(course)[-1] == self.sum(course)[-1] else course.newest

    def confidence(self, suspicion: float) -> float:
        """Share of the labelled readings with so much suspicion that were sick."""
        return max((share for at, share in self.precision if suspicion >= at), default=0.0)


@cache
def tiers() -> tuple[Tier, ...]:
    """All tiers, the one that needs most first."""
    text = files("steadygan.diagnosis").joinpath("weights.json").read_text(encoding="utf-8")
    plain: dict[str, Any] = json.loads(text)
    return tuple(Tier(**{**one, "precision": tuple(map(tuple, one["precision"]))}) for one in plain["tiers"])


def can_judge(history: History) -> bool:
    """Whether all features of some tier were recorded."""
    return any(all(SERIES[name] in history for name in one.weights) for one in tiers())


def margin(course: Course, severe: bool = False) -> Floats:
    """How far the suspicion at each reading is above the threshold of a warning, or of a failure: [T].

    Each reading is judged by the first tier of which all features are known there: a reading of samples that are not finite
    is one of logits alone. NaN where not even the least tier can tell.
    """
    found = np.full(len(course), np.nan)
    for one in tiers():
        if not np.isnan(found).any():
            break
        found = np.where(np.isnan(found), one.suspicion(course) - (one.failure if severe else one.warning), found)
    return found


def alarm(course: Course) -> Booleans:
    """Whether an alarm stands at each reading: [T]."""
    return raised(course, course.made(margin))


def raised(course: Course, above: Floats) -> Booleans:
    """Whether an alarm stands, after the start of the run: [T] -> [T]. A quarter of a window counts as one reading."""
    quarter = course.readings / FEWEST
    return cusum(above / quarter, HEIGHT, round(READINGS * quarter)) & ~starting(course, above)


def starting(course: Course, above: Floats) -> Booleans:
    """Whether a run is still at its start: it has not been calm yet, and it is early or has got on ever since: [T] -> [T]."""
    if not len(course):
        return np.zeros(0, dtype=bool)
    early = (course.steps < START_STEPS) | (np.arange(len(course)) + 1 < START_READINGS)
    been_calm = np.maximum.accumulate(lasting(above < -DOUBT, CALM))
    return np.logical_and.accumulate(early | gets_on(course, above)) & ~been_calm


def gets_on(course: Course, above: Floats) -> Booleans:
    """Whether the suspicion has come down since the run had half its steps: a long run may take long to begin: [T] -> [T]."""
    level = mean(windows(np.minimum(above, HOPELESS), course.readings))
    half = np.searchsorted(course.steps, course.steps / 2, side="right") - 1
    return np.asarray((half >= 0) & (level <= level[half] - PROGRESS))


def starting_now(course: Course) -> bool | None:
    """Whether the run is still at its start; None where no tier can tell."""
    return bool(starting(course, course.made(margin))[-1]) if len(course) and can_judge(course.history) else None


def evidence(course: Course, tier: Tier, since: int) -> tuple[Evidence, ...]:
    """The features that add most to the newest suspicion, each against what one in twenty stable readings exceeds."""
    window, course = int(course.steps[-1] - course.steps[since]), tier.behind(course)
    now = {name: float(course.made(FEATURES[name])[-1]) for name in tier.weights}
    above = {name: tier.weights[name] * (now[name] - tier.usual[name]) for name in now if np.isfinite(now[name])}
    most = sorted((name for name in above if above[name] > 0), key=lambda name: -above[name])
    by_series = {SERIES[name]: name for name in reversed(most)}  # of two features of one series the weightier one
    chosen = [name for name in most if by_series[SERIES[name]] == name][:4]
    units = {name: (natural(course, name, now[name]), natural(course, name, tier.usual[name])) for name in chosen}
    return tuple(Evidence(SERIES[name], *units[name], window) for name in chosen)


def said(course: Course, since: int, what: str, causes: tuple[Cause, ...], leading: tuple[str, ...] = ()) -> Says:
    """What a rule says that stands on an alarm of the fused judge: a failure where the suspicion is great, else a warning.
    Evidence from the `leading` series comes first."""
    tier = next(one for one in tiers() if np.isfinite(one.suspicion(course)[-1]) or one is tiers()[-1])
    severe = bool(raised(course, margin(course, severe=True))[-1])
    told = tuple(sorted(evidence(course, tier, since), key=lambda one: one.series not in leading))
    numbers = ", ".join(f"{one.series} {one.value:.2g} (stable runs: {one.threshold:.2g})" for one in told[:2])
    reason = f"{what} since step {course.steps[since]:,}{f': {numbers}' if numbers else ''}."
    return Says("failure" if severe else "warning", reason, told, causes, tier.confidence(float(tier.suspicion(course)[-1])))
