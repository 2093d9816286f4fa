"""Result: what became of a cell, as one line of JSON. Reading results needs no torch."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from steadygan.directory import line_of, write_text
from steadygan.parts import Settings
from steadygan.study.cells import Cell

FINISHED = ("finished", "diverged")
RESULT = "result.json"  # in the directory of a cell, once it has one


class Result(Settings):
    """What became of a cell.

    Attributes:
        arm, setting, seed: which cell.
        state: `finished`; `diverged`, which is a result too; `crashed` or `hung`, which is none and says nothing of the arm.
        config: fingerprint of its settings, so that nobody takes the cell of one study for that of another; `measures`: of the
            study's metrics, so that values are read again where those have changed.
        verdict: the run's headline; `step`: its last.
        absent: metrics of which there is no reading at all, be it for a typo; not noted by results of before it was.
        values: by metric of the study; None where the cell failed by it. `timed`: the same for metrics that read a clock.
        scores: rows of metrics.jsonl; `traces`: series by name as [step, value], thinned.
        cost: `cpu_seconds`, `seconds`, `ms_per_step` of processor time, `attempts`. It and `timed` differ between repetitions.
        problem: why it crashed.
    """

    arm: str
    setting: str
    seed: int
    state: Literal["finished", "diverged", "crashed", "hung"]
    config: str = ""
    measures: str = ""
    verdict: str = ""
    step: int = 0
    absent: tuple[str, ...] = ()
    values: dict[str, float | None] = Field(default_factory=dict)
    timed: dict[str, float | None] = Field(default_factory=dict)
    scores: list[dict[str, Any]] = Field(default_factory=list)
    traces: dict[str, list[tuple[int, float | None]]] = Field(default_factory=dict)
    cost: dict[str, float] = Field(default_factory=dict)
    problem: str = ""

    @property
    def cell(self) -> Cell:
        """Which cell."""
        return Cell(self.arm, self.setting, self.seed)

    @property
    def counts(self) -> bool:
        """Whether it says something of its arm."""
        return self.state in FINISHED

    def value(self, metric: str) -> float | None:
        """What it has by a metric, read from a clock or not."""
        return self.values[metric] if metric in self.values else self.timed[metric]

    def line(self) -> str:
        """As one line of JSON."""
        return line_of(self.model_dump(mode="json"))

    def repeatable(self) -> dict[str, Any]:
        """All of it that the same seed on the same machine gives again, bit for bit."""
        return self.model_dump(mode="json", exclude={"cost", "timed"})


@dataclass(frozen=True)
class Ledger:
    """The results in a file, one for each cell, and how many lines of it could not be read."""

    results: Mapping[Cell, Result]
    damaged: int = 0

    @property
    def done(self) -> dict[Cell, Result]:
        """Those that count."""
        return {cell: result for cell, result in self.results.items() if result.counts}


def read_results(path: Path) -> Ledger:
    """The results in a JSON-lines file; a line that was cut off counts as damaged, and its cell as not yet there.

    Of two lines for one cell the later one counts.
    """
    found: dict[Cell, Result] = {}
    damaged = 0
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else ():
        try:
            result = Result.model_validate(json.loads(line))
        except (ValueError, ValidationError, RecursionError):
            damaged += bool(line.strip())
        else:
            found[result.cell] = result
    return Ledger(found, damaged)


def write_results(path: Path, results: Iterable[Result]) -> None:
    """Write all results, whole or not at all."""
    write_text(path, "".join(result.line() for result in results))
