"""Signals: what the rules look at, made of the series of a history. Each is [T], one number a reading, larger is sicker.

Only what is bounded or measured in units of chance means the same in every game: a wobble is 1 at rest by sampling theory, a
divergence of histograms is held against what as many real examples give. All else is held against the run's own past.
"""

import numpy as np

from steadygan.diagnosis.course import Booleans, Course, mean, median, so_far
from steadygan.history import Floats


def wobble(course: Course) -> Floats:
    """Spread over time of the mean logit gap, about its own slope, over the spread that chance gives it; 1 at rest.

    The swing within readings and that of their means from one to the next count together, so that slow hopping is seen too.
    """
    within, chance = mean(course.windows("gap/swing") ** 2), mean(course.windows("gap/chance") ** 2)
    between = detrended_variance(course.windows("gap/mean"))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.sqrt((within + between) / chance))


def detrended_variance(windows: Floats) -> Floats:
    """Variance of each window about its own straight line, 0 where fewer than 3 are known: [T, K] -> [T]."""
    known = np.isfinite(windows)
    count = known.sum(1)
    time = np.where(known, np.arange(windows.shape[1], dtype=np.float64), 0.0)
    values = np.where(known, windows, 0.0)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        time = np.where(known, time - (time.sum(1) / count)[:, None], 0.0)
        values = np.where(known, values - (values.sum(1) / count)[:, None], 0.0)
        slope = (time * values).sum(1) / (time**2).sum(1)
        rest = values - slope[:, None] * time
        return np.asarray(np.where(count > 2, (rest**2).sum(1) / np.maximum(count - 2, 1), 0.0))


def coherence(course: Course, player: str = "discriminator") -> Floats:
    """How much further a player goes in the direction of its last update than its memory explains; 0 for a random walk."""
    return mean(course.windows(f"update_coherence/{player}"))


def narrowness(course: Course) -> Floats:
    """How much narrower the logits of fakes lie than those of reals: -log of the ratio of their spreads."""
    return minus_log(mean(course.windows("dispersion/logits")))


def restlessness(course: Course) -> Floats:
    """Distance between what the generator and its average make of the same latents, in standard deviations of the data."""
    return mean(course.windows("ema/sample_gap"))


def alikeness(course: Course) -> Floats:
    """How much closer to one another fakes lie than reals: -log of the ratio of their pairwise distances."""
    return minus_log(median(course.windows("diversity/pairwise_ratio")))


def misfit(course: Course) -> Floats:
    """Divergence of the fakes' histogram over the cells of the data from the reals', above what chance gives."""
    return median(course.windows("cells/js")) - median(course.windows("cells/js_floor"))


def lost_cells(course: Course) -> Floats:
    """Share of the data's cells that fakes leave empty, above what chance leaves empty."""
    return median(course.windows("coverage/cells_floor")) - median(course.windows("coverage/cells"))


def lost_recall(course: Course) -> Floats:
    """Share of reals out of reach of the fakes, over what is out of reach of as many other reals."""
    return median(course.windows("coverage/recall_floor")) - median(course.windows("coverage/recall"))


def churn(course: Course) -> Floats:
    """Share of the samples that moved to another cell of the data from one reading to the next."""
    return mean(course.windows("cells/churn"))


def relative_step(course: Course, player: str = "discriminator") -> Floats:
    """Length of an update over that of the weights."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(course[f"update_norm/{player}"] / course[f"weight_norm/{player}"])


def resting(course: Course, player: str = "discriminator") -> Booleans:
    """Whether the learning rate itself has come down to almost nothing of what it was."""
    rate = course[f"learning_rate/{player}"]
    return np.asarray(rate <= 1e-3 * so_far(rate, np.fmax))


def separation(course: Course) -> Floats:
    """The logit gap in standard deviations of the reals' logits, over the newest window."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(mean(course.windows("gap/mean")) / mean(course.windows("logit_std/real")))


def minus_log(values: Floats) -> Floats:
    """-log, infinite at 0, NaN below."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(values >= 0, -np.log(values), np.nan))
