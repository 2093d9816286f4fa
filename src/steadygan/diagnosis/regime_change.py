"""RegimeChange: the run behaves otherwise than before, for better or worse. For the time line, never an alarm."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import PositiveFloat, PositiveInt

from steadygan.diagnosis.base import Needs
from steadygan.diagnosis.course import Booleans, Course, lasting, median, windows
from steadygan.diagnosis.state import Says, StateRule, evidence
from steadygan.history import Floats

SERIES = ("logit_std/real", "gap/swing", "grad_norm/discriminator", "grad_norm/generator", "update_norm/discriminator")


class RegimeChange(StateRule):
    """A series has left the range of its own newest readings, and stays out: a schedule, a thaw, a penalty switched off.

    It fired within 240 steps of a harmless change in runs that stayed well, so it says that something changed and no more.
    """

    name: Literal["regime_change"] = "regime_change"
    verdict: ClassVar[str] = "REGIME-CHANGE"
    needs: ClassVar[Needs] = (SERIES,)
    earlier: PositiveInt = 16  # readings that say what is usual
    deviations: PositiveFloat = 8.0  # median absolute deviations of their logarithms
    least: PositiveFloat = 0.35  # of the logarithm: less than a factor of 1.4 is no change
    readings: PositiveInt = 3  # in a row that begin the state, and end it

    def holds(self, course: Course) -> Booleans:
        """Whether any series is out of range and was for as long."""
        changed = np.zeros(len(course), dtype=bool)
        for name in SERIES:
            changed |= lasting(np.abs(self.shift(course[name])) > 1, self.readings)
        return changed

    def shift(self, values: Floats) -> Floats:
        """How far a reading lies from the median of earlier ones, over what the rule allows: [T] -> [T]."""
        with np.errstate(invalid="ignore", divide="ignore"):
            logs = np.where(values > 0, np.log(values), np.nan)
        gap = np.full(self.readings, np.nan)  # so that the newest do not count among what is usual
        past = windows(np.concatenate([gap, logs])[: len(logs)], self.earlier)
        usual = median(past)
        noise = median(np.abs(past - usual[:, None]))
        enough = np.isfinite(past).sum(1) >= self.earlier // 2
        return np.asarray(np.where(enough, (logs - usual) / np.maximum(self.deviations * noise, self.least), np.nan))

    def says(self, course: Course, since: int) -> Says:
        """An information that names the series that changed most."""
        shifts = {name: self.shift(course[name])[-1] for name in SERIES if name in course}
        most = max(shifts, key=lambda name: np.nan_to_num(abs(shifts[name])))
        usual = float(median(windows(course[most], self.earlier))[-1])
        told = evidence(course, most, course[most], usual, since, "this run")
        reason = f"{most} went from about {usual:.3g} to {told.value:.3g} at step {course.steps[since]:,}: something changed."
        return Says("info", reason, (told,))
