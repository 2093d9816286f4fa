"""Scores: what one arm of a study reached in each of its cells. A failed cell stays in, as a failure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steadygan.errors import EvaluationError

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Scores:
    """One arm's scores by setting and seed, on one metric.

    A cell that failed (diverged, or judged useless whatever its number) is NaN or infinite here. No statistic drops it: it
    ranks below every cell that finished.

    >>> scores = Scores.gather("r1", {("a", 0): 0.9, ("a", 1): None}, higher_is_better=True)
    >>> scores.goodness.tolist()
    [[0.9, -inf]]

    Args:
        arm: its name.
        settings: names of the C settings.
        seeds: the S seeds, the same for each setting.
        values: [C, S] in the metric's own units, not finite where the cell failed.
        higher_is_better: whether a larger value is the better one.
    """

    arm: str
    settings: tuple[str, ...]
    seeds: tuple[int, ...]
    values: Floats
    higher_is_better: bool

    def __post_init__(self) -> None:
        shape = len(self.settings), len(self.seeds)
        if 0 in shape:
            raise EvaluationError(f"study: arm {self.arm!r} has no cells", "run it with at least one setting and one seed")
        if self.values.shape != shape:
            raise EvaluationError(
                f"study: scores of arm {self.arm!r} must be [settings, seeds] = {list(shape)}, got {list(self.values.shape)}"
            )

    @classmethod
    def gather(cls, arm: str, cells: Mapping[tuple[str, int], float | None], higher_is_better: bool) -> "Scores":
        """From cells by (setting, seed) in any order; None is a cell that failed.

        Raises:
            EvaluationError: a setting lacks a seed that another one has. A cell not yet run is no failure, and no score either.
        """
        settings, seeds = sorted({setting for setting, _ in cells}), sorted({seed for _, seed in cells})
        if missing := [(setting, seed) for setting in settings for seed in seeds if (setting, seed) not in cells]:
            setting, seed = missing[0]
            problem = f"study: {len(missing)} cells of arm {arm!r} are missing, first setting {setting!r} with seed {seed}"
            raise EvaluationError(problem, "run them, or leave that seed out everywhere")
        found = [[cells[setting, seed] for seed in seeds] for setting in settings]
        values = np.array([[np.nan if value is None else value for value in row] for row in found], dtype=np.float64)
        return cls(arm, tuple(settings), tuple(seeds), values, higher_is_better)

    def only(self, settings: Collection[str]) -> "Scores":
        """Some of the settings, in the order that they have here."""
        if unknown := sorted(set(settings) - set(self.settings)):
            raise EvaluationError(
                f"study: arm {self.arm!r} has no setting {unknown[0]!r}", f"known: {', '.join(self.settings)}"
            )
        rows = [row for row, setting in enumerate(self.settings) if setting in settings]
        kept = tuple(self.settings[row] for row in rows)
        return Scores(self.arm, kept, self.seeds, self.values[rows], self.higher_is_better)

    @property
    def failed(self) -> Flags:
        """Which cells failed: [C, S]."""
        return ~np.isfinite(self.values)

    @property
    def goodness(self) -> Floats:
        """The values turned so that larger is better, minus infinity where the cell failed: [C, S]."""
        return np.where(self.failed, -np.inf, self.values if self.higher_is_better else -self.values)


def check_paired(a: Scores, b: Scores) -> None:
    """Refuses two arms that did not run the same cells, or that are not judged by the same metric."""
    where = f"study: arms {a.arm!r} and {b.arm!r}"
    if a.higher_is_better != b.higher_is_better:
        raise EvaluationError(f"{where}: higher is better for one and worse for the other", "compare them on one metric")
    if (a.settings, a.seeds) != (b.settings, b.seeds):
        found = f"{len(a.settings)} x {len(a.seeds)} and {len(b.settings)} x {len(b.seeds)} settings x seeds"
        raise EvaluationError(
            f"{where} did not run the same cells, found {found}", "keep to the settings and seeds that both have"
        )
