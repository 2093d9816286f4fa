"""History: the named series of a run, step by step. Numbers only; knows neither torch nor where they came from."""

import json
import math
from array import array
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import SupportsFloat

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Steps = NDArray[np.int64]


class Series:
    """One series: its values, and the number of the record that each came in. 16 bytes a reading."""

    def __init__(self, rows: Iterable[int] = (), values: Iterable[float] = ()) -> None:
        self.rows, self.values = array("q", rows), array("d", values)

    @classmethod
    def of(cls, rows: Steps, values: Floats) -> "Series":
        """The series of two arrays [N]."""
        series = cls()
        series.rows.frombytes(np.ascontiguousarray(rows, dtype=np.int64).tobytes())
        series.values.frombytes(np.ascontiguousarray(values, dtype=np.float64).tobytes())
        return series

    def below(self, row: int) -> "Series":
        """What came before a record."""
        count = int(np.searchsorted(np.array(self.rows), row))
        return Series(self.rows[:count], self.values[:count])


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
        self._steps = array("q")
        self._series: dict[str, Series] = {}
        for record in records:
            self.append(record)

    @classmethod
    def of(cls, series: Mapping[str, tuple[Steps, Floats]]) -> "History":
        """The history of whole series: name -> (its steps, rising, and its values).

        >>> list(History.of({"a": (np.array([1, 2]), np.array([0.5, 0.6])), "b": (np.array([2]), np.array([3.0]))}))
        [{'step': 1, 'a': 0.5}, {'step': 2, 'a': 0.6, 'b': 3.0}]
        """
        history = cls()
        every = np.unique(np.concatenate([np.empty(0, np.int64), *(steps for steps, _ in series.values())]))
        history._steps.frombytes(every.tobytes())
        history._series = {name: Series.of(np.searchsorted(every, steps), values) for name, (steps, values) in series.items()}
        return history

    def __len__(self) -> int:
        return len(self._steps)

    def __iter__(self) -> Iterator[dict[str, float]]:
        """The records, made anew: what reads one series of many should ask for that."""
        columns = {name: iter(zip(series.rows, series.values, strict=True)) for name, series in self._series.items()}
        heads = {name: next(column, None) for name, column in columns.items()}
        for row, step in enumerate(self._steps):
            record: dict[str, float] = {"step": step}
            for name, head in heads.items():
                if head is not None and head[0] == row:
                    record[name] = head[1]
                    heads[name] = next(columns[name], None)
            yield record

    def __contains__(self, name: str) -> bool:
        return name in self._series or (name == "step" and len(self) > 0)

    def __getitem__(self, name: str) -> Floats:
        """All values of the series `name`, in order; empty where it was never recorded."""
        return np.array(self._series[name].values if name in self._series else [], dtype=np.float64)

    def append(self, record: Mapping[str, SupportsFloat]) -> None:
        """Add one record; its `step` must be above the last one's."""
        row = len(self._steps)
        self._steps.append(int(float(record["step"])))
        for name, value in record.items():
            if name != "step":
                series = self._series.get(name) or self._series.setdefault(name, Series())
                series.values.append(float(value))
                series.rows.append(row)

    def steps(self, name: str = "step") -> Steps:
        """The steps at which `name` was recorded; those of all records without a name."""
        steps = np.array(self._steps, dtype=np.int64)
        if name == "step":
            return steps
        return steps[np.array(self._series[name].rows, dtype=np.int64)] if name in self._series else steps[:0]

    def last(self, name: str) -> float | None:
        """The newest value of `name`, or None where it was never recorded."""
        values = self._steps if name == "step" else self._series[name].values if name in self._series else ()
        return values[-1] if values else None

    def names(self, prefix: str = "") -> list[str]:
        """The series whose name starts with `prefix`, in order of first appearance; `step` is not one."""
        return [name for name in self._series if name.startswith(prefix)]

    def window(self, name: str, steps: int) -> Floats:
        """The values of `name` within the newest `steps` steps."""
        if not self._steps:
            return np.empty(0)
        return np.asarray(self[name][self.steps(name) > self._steps[-1] - steps])

    def until(self, step: int) -> "History":
        """The records up to and including `step`."""
        steps = self.steps()
        if (steps[1:] >= steps[:-1]).all():
            return self._first(int(np.searchsorted(steps, step, side="right")))
        return History(record for record in self if record["step"] <= step)

    def _first(self, count: int) -> "History":
        """The first `count` records."""
        history = History()
        history._steps = self._steps[:count]
        kept = {name: series.below(count) for name, series in self._series.items()}
        history._series = {name: series for name, series in kept.items() if series.rows}
        return history

    @classmethod
    def read(cls, path: Path) -> "History":
        """The history in a `history.jsonl`; a last line cut short by a crash is left out."""
        return cls(
            {name: value for name, value in record.items() if isinstance(value, int | float)} for record in read_jsonl(path)
        )


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
