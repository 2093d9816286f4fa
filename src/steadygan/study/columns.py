"""Column: one metric over all arms, with everything that is said about an arm by it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np

from steadygan.errors import EvaluationError
from steadygan.share import Share
from steadygan.study.bootstrap import Estimate
from steadygan.study.effects import Effect, improvement
from steadygan.study.measures import Measure
from steadygan.study.scores import Scores
from steadygan.study.significance import holm
from steadygan.study.statistics import failure_rate, interquartile_mean, stability_region


@dataclass(frozen=True)
class Spot:
    """An arm at one setting: the median of all its seeds, None where that is a failure, and how many failed."""

    setting: str
    median: float | None
    failed: Share


@dataclass(frozen=True)
class Row:
    """An arm on one metric.

    Attributes:
        scores: [C, S], of the settings that it has.
        middle: interquartile mean.
        failed: cells that failed; `region`: cells within 20% of the arm's best, None where the metric is negative.
        better: probability of improvement over the reference, None for the reference and where they share no setting.
        p: of the paired test against the reference after Holm; `pairs`: that differ; `shared`: settings that both have.
        spots: one a setting.
    """

    scores: Scores
    middle: Estimate
    failed: Share
    region: Share | None
    spots: tuple[Spot, ...]
    better: Estimate | None = None
    p: float | None = None
    pairs: int = 0
    shared: tuple[str, ...] = ()

    @property
    def arm(self) -> str:
        """Its name."""
        return self.scores.arm

    def spot(self, setting: str) -> Spot | None:
        """The arm at a setting, None where it was not run or the setting has no such series."""
        return next((spot for spot in self.spots if spot.setting == setting), None)

    def plain(self) -> dict[str, object]:
        """As JSON takes it."""
        return {
            "n": self.scores.values.size,
            "interquartile_mean": self.middle.plain(),
            "failed": counted(self.failed),
            "stability_region": self.region and counted(self.region),
            "improvement": self.better and self.better.plain(),
            "p": self.p,
            "pairs": self.pairs,
            "settings": {spot.setting: {"median": spot.median, "failed": spot.failed.hits} for spot in self.spots},
        }


@dataclass(frozen=True)
class Column:
    """A metric over all arms.

    Attributes:
        metric: its name; `measure`: how it is read.
        rows: one an arm that has it, in the order of the study.
        reference: the arm that the others are held against.
        repeats: whether the same seeds on the same machine give the same numbers.
    """

    metric: str
    measure: Measure
    rows: tuple[Row, ...]
    reference: str
    repeats: bool = True

    def row(self, arm: str) -> Row | None:
        """The row of an arm, None where it has none."""
        return next((row for row in self.rows if row.arm == arm), None)

    @property
    def settings(self) -> set[str]:
        """The settings that any arm has it at."""
        return {setting for row in self.rows for setting in row.scores.settings}

    @property
    def ranked(self) -> list[Row]:
        """The rows by their interquartile mean, the best first; without those that are failures."""
        finite = [row for row in self.rows if isfinite(row.middle.value)]
        return sorted(finite, key=lambda row: -row.middle.value if self.measure.higher_is_better else row.middle.value)

    @property
    def leaders(self) -> list[Row]:
        """The rows with the best interquartile mean; none where all are failures, or the metric judges nothing."""
        ranked = self.ranked if self.measure.judges else []
        return [row for row in ranked if row.middle.value == ranked[0].middle.value]

    def plain(self) -> dict[str, object]:
        """As JSON takes it."""
        told = self.measure.model_dump(mode="json", exclude_defaults=True)
        return told | {"higher_is_better": self.measure.higher_is_better, "arms": {row.arm: row.plain() for row in self.rows}}


def column(metric: str, measure: Measure, scores: Mapping[str, Scores], reference: str, repeats: bool) -> Column:
    """A metric over all arms, from the scores by arm."""
    effects = {arm: against(found, scores.get(reference)) for arm, found in scores.items() if arm != reference}
    known = {arm: effect for arm, effect in effects.items() if effect is not None}
    ps = dict(zip(known, holm([effect.test.p for effect in known.values()]), strict=True))
    rows = tuple(row(found, scores.get(reference), known.get(arm), ps.get(arm)) for arm, found in scores.items())
    return Column(metric, measure, rows, reference, repeats)


def against(scores: Scores, reference: Scores | None) -> Effect | None:
    """By how much an arm is better than the reference at the settings that both have; None where there is none."""
    shared = common(scores, reference)
    return improvement(scores.only(shared), reference.only(shared)) if reference is not None and shared else None


def common(scores: Scores, reference: Scores | None) -> tuple[str, ...]:
    """The settings that both have."""
    return tuple(setting for setting in scores.settings if reference is not None and setting in reference.settings)


def row(scores: Scores, reference: Scores | None, effect: Effect | None, p: float | None) -> Row:
    """An arm on one metric."""
    alone = Row(scores, interquartile_mean(scores), failure_rate(scores), region_of(scores), spots(scores))
    if effect is None:
        return alone
    return replace(alone, better=effect.estimate, p=p, pairs=effect.test.pairs, shared=common(scores, reference))


def region_of(scores: Scores) -> Share | None:
    """The stability region, None where the best score is negative and a share of it means nothing."""
    try:
        return stability_region(scores)
    except EvaluationError:
        return None


def spots(scores: Scores) -> tuple[Spot, ...]:
    """An arm setting by setting."""
    sign = 1 if scores.higher_is_better else -1
    medians = [sign * float(value) for value in np.median(scores.goodness, axis=1)]
    failures = [Share(int(row.sum()), len(row)) for row in scores.failed]
    found = zip(scores.settings, medians, failures, strict=True)
    return tuple(Spot(setting, value if isfinite(value) else None, failed) for setting, value, failed in found)


def counted(share: Share) -> dict[str, object]:
    """A share of cells as JSON takes it."""
    return {"cells": share.hits, **(share.plain() or {})}
