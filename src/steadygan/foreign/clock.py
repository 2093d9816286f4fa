"""Clock: where the rows of a table stand in the run. Mends what resumes, epochs and missing numbers do to their order."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steadygan.foreign.columns import Columns
from steadygan.foreign.log import UNITS, Unit, place_of
from steadygan.foreign.names import no_such_column
from steadygan.history import Floats

Booleans = NDArray[np.bool_]
LARGEST = 2.0**53  # a step, exact as a float
DISORDER = 0.05  # share of steps in a block that go back to the midst of it; a run that resumes does so far more rarely


@dataclass
class Rows:
    """A block of a table.

    Attributes:
        count: of rows.
        columns: name -> (the rows that have a number there, rising, and these numbers). NaN is one that was logged.
    """

    count: int
    columns: dict[str, tuple[NDArray[np.int64], Floats]]

    def dense(self, name: str | None) -> Floats:
        """A column with NaN for the rows that have no number there: [count]."""
        values = np.full(self.count, np.nan)
        if name in self.columns:
            rows, found = self.columns[name]
            values[rows] = found
        return values


class Clock:
    """Puts the rows of a table where they stand.

    Args:
        names: the columns of the table; UsageError where a given one is not among them.
        given: what the user said: unit -> column.
        count: count the rows, whatever the columns say.

    Attributes:
        column, unit: what says where a row stands; None and `row` where they are counted.
        epoch: the column that tells when `column` starts over.
        rows: how many there were so far.
        lost: how many of them stand nowhere.
    """

    def __init__(self, names: Collection[str], given: Mapping[str, str], count: bool = False) -> None:
        places = sorted((place, name) for name in names if (place := place_of(name)))
        self.column: str | None = None
        self.unit: Unit = "row"
        self.epoch = next((name for (_, unit), name in places if unit == "epoch"), None)
        self.rows, self.lost = 0, 0
        self._offset, self._last, self._gap, self._last_epoch = 0.0, -np.inf, 1.0, -np.inf
        if places and not count:
            (_, self.unit), self.column = places[0]
        for unit in UNITS:
            if unit in given and given[unit] not in names:
                raise no_such_column(unit, given[unit], names)
            if unit in given and not count:
                self.unit, self.column = unit, given[unit]
        self.epoch = None if self.epoch == self.column else self.epoch

    def place(self, rows: Rows, logs: Iterable[Columns]) -> None:
        """Add the rows to the columns of each log, at their steps."""
        numbers = self.rows + np.arange(1, rows.count + 1, dtype=np.float64)
        steps = numbers if self.column is None else rows.dense(self.column)
        self.rows += rows.count
        logs = list(logs)
        standing = np.flatnonzero(np.abs(steps) < LARGEST)  # false for NaN too
        self.lost += rows.count - len(standing)
        if not len(standing):
            return
        epochs = rows.dense(self.epoch)
        back = np.flatnonzero(np.diff(steps[standing]) < 0)
        starts_over = (epochs[standing][back + 1] > epochs[standing][back]) | (steps[standing][back + 1] == steps[standing][0])
        if (~starts_over).sum() > max(DISORDER * len(standing), 2):
            for columns in logs:
                columns.put_in_order()
            back = back[:0]
        for part in np.split(standing, back + 1):
            self._place(part, steps[part], epochs[part], rows, logs)

    def _place(self, part: NDArray[np.int64], steps: Floats, epochs: Floats, rows: Rows, logs: list[Columns]) -> None:
        """Add rows whose steps do not fall."""
        ordered = not any(columns.sort for columns in logs)
        if steps[0] + self._offset < self._last and ordered:
            if epochs[0] > self._last_epoch:
                self._offset = self._last + self._gap - steps[0]
            else:
                for columns in logs:
                    columns.go_back(float(steps[0] + self._offset))
        steps = steps + self._offset
        if len(steps) > 1 and steps[-1] > steps[0]:
            self._gap = float(np.median(np.diff(steps)))
        self._last, self._last_epoch = float(steps[-1]), float(epochs[-1])
        every = np.full(rows.count, np.nan)
        every[part] = steps
        for name, (where, values) in rows.columns.items():
            here = np.isfinite(every[where])
            for columns in logs:
                columns.add(name, every[where][here], values[here])
