"""Table: everything that a study's results say, in numbers; what the report, the terminal and `verdict.json` show."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from steadygan.directory import finite, write_json
from steadygan.errors import SteadyganError
from steadygan.study.cells import Cell
from steadygan.study.columns import Column, column
from steadygan.study.complete import Complete, middle
from steadygan.study.equal_time import EqualTime, equal_time
from steadygan.study.place import StudyDirectory
from steadygan.study.result import Result
from steadygan.study.rules import Rule
from steadygan.study.scores import Scores
from steadygan.study.study import Study
from steadygan.study.verdicts import Verdict, judge


@dataclass(frozen=True)
class Cost:
    """What an arm costs.

    Attributes:
        ms_per_step, cpu_seconds: medians over its cells, of processor time; None where nobody timed it.
        ratio: median of its time a step over that of the reference, at the same setting with the same seed.
        pairs: that the ratio rests on.
    """

    arm: str
    ms_per_step: float | None
    cpu_seconds: float | None
    ratio: float | None
    pairs: int

    def plain(self) -> dict[str, float | None]:
        """As JSON takes it."""
        return {
            "ms_per_step": self.ms_per_step,
            "cpu_seconds": self.cpu_seconds,
            "ratio_to_reference": self.ratio,
            "pairs": self.pairs,
        }


@dataclass(frozen=True)
class Table:
    """What a study's results say.

    Attributes:
        complete: the study with the results that count.
        columns: one a metric, in the order of the study; empty until a seed is complete.
        equal_time: the main metric at equal processor time, None where it has none.
        costs: one an arm.
        verdict: of the study's rules; None where it has none, or they cannot be judged, and `no_verdict` says why.
    """

    complete: Complete
    columns: tuple[Column, ...] = ()
    equal_time: EqualTime | None = None
    costs: tuple[Cost, ...] = ()
    verdict: Verdict | None = None
    no_verdict: str = ""

    @classmethod
    def of(cls, study: Study, results: Mapping[Cell, Result]) -> "Table":
        """The table of a study and its results in any order.

        Raises:
            EvaluationError: a result was written before the study had one of its metrics.
        """
        complete = Complete.of(study, results)
        if not complete.seeds:
            return cls(complete, no_verdict="No seed is complete yet." * bool(study.rules))
        scores = {metric: complete.scores(metric) for metric in study.metrics}
        columns = tuple(
            column(metric, measure, scores[metric], study.compared_with, measure.repeats)
            for metric, measure in study.metrics.items()
        )
        verdict, why = judged(study, {(arm, metric): found for metric in scores for arm, found in scores[metric].items()})
        return cls(complete, columns, equal_time(complete, next(iter(study.metrics))), costs(complete), verdict, why)

    @property
    def study(self) -> Study:
        """What was asked for."""
        return self.complete.study

    @property
    def main(self) -> Column | None:
        """The column of the first metric, None until a seed is complete."""
        return next(iter(self.columns), None)

    @cached_property
    def verdict_repeats(self) -> bool:
        """Whether the verdict rests on nothing that reads a clock."""
        return all(self.study.metrics[rule.metric].repeats for rule in self.study.rules)

    def as_dict(self) -> dict[str, Any]:
        """As JSON takes it: what the same seeds give again bit for bit is `repeatable`, what rests on a clock is `timed`."""
        told = self.verdict.plain() if self.verdict else {"verdict": None, "sentence": self.no_verdict, "rulings": []}
        named = {"study": self.study.name, "tier": self.study.tier, "title": self.study.title}
        plain = {
            **named,
            **told,
            "verdict_repeats": self.verdict_repeats,
            "repeatable": self._repeatable(),
            "timed": self._timed(),
        }
        return dict(finite(plain))

    def _repeatable(self) -> dict[str, Any]:
        left_out = {
            str(seed): [f"{lost.cell.id} {lost.state}" for lost in self.complete.lost if lost.cell.seed == seed]
            for seed in self.complete.seeds_left_out
        }
        return {
            "arms": list(self.study.arms),
            "settings": list(self.study.settings),
            "reference": self.study.compared_with,
            "seeds": list(self.complete.seeds),
            "seeds_left_out": left_out,
            "cells": self.complete.counts,
            "metrics": {column.metric: column.plain() for column in self.columns if column.repeats},
        }

    def _timed(self) -> dict[str, Any]:
        same = self.equal_time
        return {
            "metrics": {column.metric: column.plain() for column in self.columns if not column.repeats},
            "equal_time": same and {"cheapest": same.cheapest, "seconds": same.seconds, **same.column.plain()},
            "cost": {cost.arm: cost.plain() for cost in self.costs},
            "problems": {lost.cell.id: lost.problem for lost in self.complete.lost if lost.problem},
        }


def judged(study: Study, scores: Mapping[tuple[str, str], Scores]) -> tuple[Verdict | None, str]:
    """The verdict of a study's rules, or why there is none. Arms of different settings are compared on those they share."""
    if not study.rules:
        return None, "The study has no rules to judge by."
    try:
        return judge([at_shared(rule, scores) for rule in study.rules], scores), ""
    except SteadyganError as error:
        return None, f"The rules cannot be judged: {error.problem}."


def at_shared(rule: Rule, scores: Mapping[tuple[str, str], Scores]) -> Rule:
    """A rule at the settings that both its arms have, where they differ."""
    a, b = (scores.get((arm, rule.metric)) for arm in (rule.a, rule.b))
    if a is None or b is None or a.settings == b.settings:
        return rule
    shared = [setting for setting in rule.settings or a.settings if setting in a.settings and setting in b.settings]
    return rule.with_(settings=tuple(shared or a.settings))


def costs(complete: Complete) -> tuple[Cost, ...]:
    """What each arm costs."""
    return tuple(cost_of(complete, arm) for arm in complete.study.arms if any(complete.cells(arm)))


def cost_of(complete: Complete, arm: str) -> Cost:
    """What an arm costs, alone and against the reference."""
    theirs = {(r.setting, r.seed): r.cost["ms_per_step"] for r in complete.cells(complete.study.compared_with) if timed(r)}
    ours = {(r.setting, r.seed): r.cost["ms_per_step"] for r in complete.cells(arm) if timed(r)}
    ratios = [ours[key] / theirs[key] for key in ours if key in theirs]
    seconds = [r.cost["cpu_seconds"] for r in complete.cells(arm) if "cpu_seconds" in r.cost]
    return Cost(arm, middle(list(ours.values())), middle(seconds), middle(ratios), len(ratios))


def timed(result: Result) -> bool:
    """Whether a cell has a time a step."""
    return result.cost.get("ms_per_step", 0) > 0


def read_table(place: StudyDirectory) -> Table:
    """The table of the study that lies in a directory.

    Raises:
        UsageError: there is none.
    """
    study = place.require()
    return Table.of(study, place.ledger(study.cells()).results)


def write_verdict(place: StudyDirectory, table: Table | None = None) -> Path:
    """Write `verdict.json`, whole or not at all; returns its path."""
    write_json(place.verdict, (table or read_table(place)).as_dict())
    return place.verdict
