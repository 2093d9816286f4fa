"""Complete: the part of a study's results that can be compared. A seed counts where every arm has it at every setting."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Literal

from steadygan.errors import EvaluationError
from steadygan.study.cells import Cell
from steadygan.study.measures import Measure, Traces
from steadygan.study.result import Result
from steadygan.study.scores import Scores
from steadygan.study.study import Study


@dataclass(frozen=True)
class Lost:
    """A cell that says nothing of its arm: not yet there, crashed or hung; `problem` says why."""

    cell: Cell
    state: Literal["missing", "crashed", "hung"]
    problem: str = ""


@dataclass(frozen=True)
class Complete:
    """A study with the results that count.

    Attributes:
        study: what was asked for.
        results: finished and diverged cells, those of seeds that are not complete among them.
        lost: all other cells, in the order of the study.
        seeds: those of which no cell is lost.
    """

    study: Study
    results: Mapping[Cell, Result]
    lost: tuple[Lost, ...]
    seeds: tuple[int, ...]

    @classmethod
    def of(cls, study: Study, results: Mapping[Cell, Result]) -> "Complete":
        """From results in any order; those of cells that the study does not have are passed over."""
        cells = study.cells()
        kept = {cell: results[cell] for cell in cells if cell in results and results[cell].counts}
        lost = tuple(lost_as(cell, results.get(cell)) for cell in cells if cell not in kept)
        broken = {each.cell.seed for each in lost}
        return cls(study, kept, lost, tuple(sorted(seed for seed in study.seeds if seed not in broken)))

    @property
    def seeds_left_out(self) -> tuple[int, ...]:
        """The seeds that are not complete."""
        return tuple(sorted(set(self.study.seeds) - set(self.seeds)))

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many cells there are, by what became of them."""
        states = [result.state for result in self.results.values()] + [each.state for each in self.lost]
        return {"planned": len(states)} | {
            state: states.count(state) for state in ("finished", "diverged", "crashed", "hung", "missing")
        }

    def settings_of(self, arm: str) -> list[str]:
        """The settings that an arm is run at, in the order of the study."""
        return [setting for setting in self.study.settings if self.study.why_not(arm, setting) is None]

    def cells(self, arm: str = "", setting: str = "") -> Iterator[Result]:
        """Results of the seeds that are complete, of all arms and settings or of those named, in the order of the study."""
        for at in self.study.settings if not setting else (setting,):
            for name in self.study.arms if not arm else (arm,):
                if self.study.why_not(name, at) is None:
                    yield from (self.results[Cell(name, at, seed)] for seed in self.seeds)

    def scores(self, metric: str) -> dict[str, Scores]:
        """The scores of all arms on a metric, at the settings that have it; an arm with no such setting is not there."""
        measure = self.study.metrics[metric]
        having = {setting for setting in self.study.settings if has_metric(list(self.cells(setting=setting)), metric, measure)}
        cells = [r for r in self.cells() if r.setting in having and not self.lacks(r.arm, r.setting, metric)]
        return self.gathered({r.cell: value_of(r, metric) for r in cells}, measure)

    def lacks(self, arm: str, setting: str, metric: str) -> bool:
        """Whether no cell of an arm that lived has a reading by a metric: it is not scored so, and has not failed by it."""
        lived = [result for result in self.cells(arm, setting) if result.state == "finished"]
        return bool(lived) and all(metric in result.absent for result in lived)

    def gathered(self, values: Mapping[Cell, float | None], measure: Measure) -> dict[str, Scores]:
        """Values of cells as scores by arm."""
        found = {}
        for arm in self.study.arms:
            cells = {(cell.setting, cell.seed): value for cell, value in values.items() if cell.arm == arm}
            if cells:
                found[arm] = Scores.gather(arm, cells, measure.higher_is_better)
        return found


def lost_as(cell: Cell, result: Result | None) -> Lost:
    """How a cell was lost that has no result, or one that does not count."""
    if result is not None and (result.state == "crashed" or result.state == "hung"):
        return Lost(cell, result.state, result.problem)
    return Lost(cell, "missing")


def has_metric(cells: list[Result], metric: str, measure: Measure) -> bool:
    """Whether the cells of a setting have the series of a metric at all: one of them does, or none lived to tell."""
    return any(has_series(result, metric, measure) for result in cells) or (
        not measure.of.startswith("cost/") and all(result.state == "diverged" for result in cells)
    )


def has_series(result: Result, metric: str, measure: Measure) -> bool:
    """Whether a cell has the series of a metric, be it that it failed by it.

    A result keeps no whole history. There a finished cell without a number failed where the metric has a way to fail.
    """
    if value_of(result, metric) is not None:
        return True
    if metric in result.absent:
        return False
    if measure.of.startswith("score/"):
        return bool(Traces(result.scores, ()).points(measure.of, measure.after))
    ways = (measure.reach, measure.fails_below, measure.fails_above)
    return measure.of.startswith("history/") and result.state == "finished" and any(way is not None for way in ways)


def without_series(study: Study, result: Result) -> dict[str, str]:
    """Metrics of which a finished cell has no reading, be it for a typo: metric -> what there is instead, in words."""
    numbers = {name for row in result.scores for name, value in row.items() if isinstance(value, int | float)}
    names = sorted(name for name in numbers if name != "step" and not name.startswith("n_"))
    there = ", ".join(f"score/{name}" for name in names) or "no scores"
    hints = {"score": f"there is {there}", "history": "its cells' history.jsonl have the names that there are"}
    absent = {metric: study.metrics[metric].of for metric in result.absent if result.state == "finished"}
    return {
        metric: f"{metric}: no {of} in cell {result.cell.id}; "
        + ("its steps were not timed" if of.removeprefix("score/") in names else hints.get(of.partition("/")[0], "not timed"))
        for metric, of in absent.items()
    }


def value_of(result: Result, metric: str) -> float | None:
    """What a cell has by a metric.

    Raises:
        EvaluationError: its result was written before the study had that metric.
    """
    try:
        return result.value(metric)
    except KeyError:
        problem = f"study: the result of cell {result.cell.id!r} has no metric {metric!r}"
        raise EvaluationError(
            problem, "the study's metrics have changed; run it again, which reads finished cells anew"
        ) from None


def middle(values: list[float]) -> float | None:
    """The median, None of nothing."""
    return median(values) if values else None
