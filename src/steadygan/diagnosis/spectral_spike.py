"""SpectralSpike: the largest singular value of some weight jumps."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import PositiveFloat, PositiveInt

from steadygan.diagnosis.base import Cause, Needs
from steadygan.diagnosis.course import Booleans, Course, median, windows
from steadygan.diagnosis.readings import learning_rate
from steadygan.diagnosis.state import Says, StateRule, evidence
from steadygan.history import Floats

PREFIX = "sigma/"


class SpectralSpike(StateRule):
    """A singular value is several times what it was a few readings ago, far outside its own noise.

    Brock et al. 2019, arXiv:1809.11096, section 4, saw such spikes in the discriminator before the collapse of large GANs, and
    that clamping them did not prevent it: they are a symptom. Growth alone is none: without control sigma grew from 5 to 32
    over a run whose samples got better.
    """

    name: Literal["spectral_spike"] = "spectral_spike"
    verdict: ClassVar[str] = "SPECTRAL-SPIKE"
    needs: ClassVar[Needs] = ((PREFIX,),)
    times: PositiveFloat = 5.0  # what it was
    earlier: PositiveInt = 12  # readings that say what it was
    deviations: PositiveFloat = 12.0  # median absolute deviations of their logarithms
    told: PositiveInt = 4  # readings for which a spike is told

    def holds(self, course: Course) -> Booleans:
        """Whether any weight has spiked within the newest readings."""
        spikes = np.zeros(len(course), dtype=bool)
        for name in course.history.names(PREFIX):
            spikes |= self.excess(course[name]) > 1
        return np.asarray((windows(spikes.astype(np.float64), self.told) == 1).any(1))

    def excess(self, values: Floats) -> Floats:
        """The growth of each reading over what the rule allows, above 1 for a spike: [T] -> [T], NaN where it cannot be one."""
        with np.errstate(invalid="ignore", divide="ignore"):
            logs = np.where(values > 0, np.log(values), np.nan)
        past = windows(np.concatenate([[np.nan], logs[:-1]]), self.earlier)
        found = np.full(len(values), np.nan)
        # medians are dear: they are taken only where a reading is so far above the least of the past
        near = np.flatnonzero((logs - np.fmin.reduce(past, axis=1) > np.log(self.times)) & (np.isfinite(past).sum(1) >= 4))
        past = past[near]
        usual = median(past)
        noise = median(np.abs(past - usual[:, None]))
        found[near] = (logs[near] - usual) / np.maximum(np.log(self.times), self.deviations * noise)
        return found

    def says(self, course: Course, since: int) -> Says:
        """A warning that names the weight."""
        recent = {name: np.nan_to_num(self.excess(course[name])[-self.told :]).max() for name in course.history.names(PREFIX)}
        worst = max(recent, key=lambda name: recent[name])
        usual = float(median(windows(course[worst], self.earlier))[-1])
        told = evidence(course, worst, course[worst], self.times * usual, since, "this run")
        player = "generator" if worst.startswith(f"{PREFIX}G.") else "discriminator"
        reason = f"The largest singular value of {worst[len(PREFIX) :]} has jumped to {told.value:.3g}."
        slower = (learning_rate(course.history, player, 0.5),)
        return Says("warning", reason, (told,), (Cause("a step too large", reason, f"Let the {player} learn slower", slower),))
