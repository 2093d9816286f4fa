"""History: the named series of a run, step by step. Numbers only; knows neither torch nor where they came from."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class History:
    """The records of a run in order: each a step and some named numbers.

    >>> history = History([{"step": 1, "loss/generator": 0.7}, {"step": 2, "loss/generator": 0.5, "score/kid": 3.0}])
    >>> history["loss/generator"]
    array([0.7, 0.5])
    >>> history.steps("score/kid")
    array([2])
    >>> history.last("score/kid")
    3.0
    """

    def __init__(self, records: Iterable[Mapping[str, float]] = ()) -> None:
        self._records: list[dict[str, float]] = []
        self._names: dict[str, None] = {}  # kept in step with the records: they are asked for at each judgement
        for record in records:
            self.append(record)

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[dict[str, float]]:
        return iter(self._records)

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def __getitem__(self, name: str) -> Floats:
        """All values of the series `name`, in order; empty where it was never recorded."""
        return np.array([record[name] for record in self._records if name in record], dtype=np.float64)

    def append(self, record: Mapping[str, float]) -> None:
        """Add one record; its `step` must be above the last one's."""
        self._records.append(dict(record))
        self._names.update(dict.fromkeys(record))

    def steps(self, name: str) -> NDArray[np.int64]:
        """The steps at which `name` was recorded."""
        return np.array([int(record["step"]) for record in self._records if name in record], dtype=np.int64)

    def last(self, name: str) -> float | None:
        """The newest value of `name`, or None where it was never recorded."""
        return next((record[name] for record in reversed(self._records) if name in record), None)

    def names(self, prefix: str = "") -> list[str]:
        """The series whose name starts with `prefix`, in order of first appearance; `step` is not one."""
        return [name for name in self._names if name != "step" and name.startswith(prefix)]

    def window(self, name: str, steps: int) -> Floats:
        """The values of `name` within the newest `steps` steps."""
        if not self._records:
            return np.empty(0)
        start = self._records[-1]["step"] - steps
        return np.array([r[name] for r in self._records if name in r and r["step"] > start], dtype=np.float64)

    def until(self, step: int) -> "History":
        """The records up to and including `step`."""
        return History(record for record in self._records if record["step"] <= step)

    @classmethod
    def read(cls, path: Path) -> "History":
        """The history in a `history.jsonl`; a last line cut short by a crash is left out."""
        return cls(read_jsonl(path))


def read_jsonl(path: Path) -> list[dict[str, float]]:
    """The objects of a file with one JSON object a line; a torn last line is left out, a missing file is empty.

    JSON has no word for a number that is not finite: it is written as null, and null is read as NaN.
    """
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    records = []
    for number, line in enumerate(lines):
        try:
            records.append(json.loads(line, object_hook=null_as_nan))
        except json.JSONDecodeError:
            if number != len(lines) - 1:
                raise
    return records


def null_as_nan(record: dict[str, float | None]) -> dict[str, float]:
    """The same object with NaN for every null."""
    return {name: math.nan if value is None else value for name, value in record.items()}
