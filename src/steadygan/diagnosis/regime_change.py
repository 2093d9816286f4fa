"""RegimeChange: the run behaves otherwise than before, for better or worse. For the time line, never an alarm."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import PositiveFloat, PositiveInt

from steadygan.diagnosis.base import Needs
from steadygan.diagnosis.course import Booleans, Course, lasting, median, windows
from steadygan.diagnosis.readings import significant
from steadygan.diagnosis.signs import PLAYERS
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
        reason = f"{most} went from about {usual:.3g} to {told.value:.3g} at step {course.steps[since]:,}"
        return Says("info", f"{reason}: {self.rates(course, since) or 'something changed'}.", (told,))

    def rates(self, course: Course, since: int) -> str:
        """What learning rates did meanwhile, by the factor that counts as a change: of each player that has one, or ""."""
        before, after = since - self.readings - 1, since  # a change may show one reading late
        moves = {player: move(course[f"learning_rate/{player}"], before, after, self.least) for player in PLAYERS}
        found = {player: words for player, words in moves.items() if words}
        if len(found) == 2 and len(set(found.values())) == 1:
            return f"both learning rates {found[PLAYERS[0]]} at the same time"
        said = [f"the {player}'s learning rate {words}" for player, words in found.items()]
        return f"{' and '.join(said)} at the same time" if said else ""


def move(rates: Floats, before: int, after: int, least: float) -> str:
    """That a rate fell or rose from one reading to another, if by no less than e^least: [T] -> words, or "".

    >>> move(np.array([0.002, 0.002, 0.0002]), 0, 2, 0.35)
    'fell from 0.002 to 0.0002'
    """
    was, now = last_known(rates[: before + 1]), last_known(rates[: after + 1])
    with np.errstate(divide="ignore", invalid="ignore"):
        step = np.log(now) - np.log(was)
    if not abs(step) >= least:
        return ""
    return f"{'fell' if step < 0 else 'rose'} from {significant(was)} to {significant(now)}"


def last_known(values: Floats) -> float:
    """The last value that was read: [T] -> number, NaN where there is none."""
    known = values[np.isfinite(values)]
    return float(known[-1]) if len(known) else float("nan")
