"""Columns: what a log holds, as one series a column, mended while it comes in. Memory does not grow with the log."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from steadygan.history import Floats

KEPT = 400_000  # readings of a column; beyond that, neighbours are joined in pairs
MOST_A_STEP, FEWEST = 3, 30  # a step with more readings than that, on average over so many readings, is no step


class StartsOver(Exception):
    """The steps start over again and again, as numbers of batches within an epoch do: rows are to be counted instead."""


class Column:
    """One series in the order of its steps; a later reading of a step takes the place of an earlier one.

    Where steps go back, as they do after a resume, what was logged before from there on is dropped.

    Args:
        sort: the steps come in no order at all: nothing is dropped, they are put in order.

    Attributes:
        width: how many neighbouring readings are joined to one.
        came: readings so far.
        again: how many of them were of a step that came again.
    """

    def __init__(self, sort: bool = False) -> None:
        self.width, self.sort = 1, sort
        self._done: list[tuple[Floats, Floats]] = []  # steps and values, joined
        self._open = (np.empty(0), np.empty(0))  # fewer than `width` readings, not joined yet
        self._count, self._first, self._last = 0, np.inf, -np.inf
        self._ends: list[float] = []  # the last step before each new start
        self.came, self.again = 0, 0

    def add(self, steps: Floats, values: Floats) -> None:
        """Take in readings: [N], [N]. A value may be NaN or infinite, where that is what was logged.

        Raises:
                StartsOver: for the third time from the first step after as many steps as before, or most steps come many times.
        """
        if not len(steps):
            return
        breaks = np.flatnonzero((steps[1:] < steps[:-1]) & (not self.sort)) + 1
        for part_steps, part_values in zip(np.split(steps, breaks), np.split(values, breaks), strict=True):
            if part_steps[0] <= self._last and not self.sort:
                self.again += int(part_steps[0] == self._last)
                self.go_back(float(part_steps[0]))
            once = one_each(part_steps, part_values)
            self.again += len(part_steps) - len(once[0])
            self._take(*once)
        self._first, self.came = min(self._first, float(steps[0])), self.came + len(steps)
        if self.sort and self.width == 1:
            self.again = self.came - len(np.unique(together([*self._done, self._open])[0]))
        if self.came > max(FEWEST, MOST_A_STEP * (self.came - self.again)):
            raise StartsOver

    def go_back(self, step: float) -> None:
        """Drop what was logged at `step` and later."""
        if step <= self._first and self._last > -np.inf:
            self._ends.append(self._last)
            if len(self._ends) > 2 and len(set(self._ends)) == 1:
                raise StartsOver
        done = [(steps[steps < step], values[steps < step]) for steps, values in self._done]
        self._done = [part for part in done if len(part[0])]
        steps, values = self._open
        self._open = steps[steps < step], values[steps < step]
        self._count = sum(len(steps) for steps, _ in self._done)
        last = self._open[0] if len(self._open[0]) else self._done[-1][0] if self._done else [-np.inf]
        self._last = float(last[-1])

    def read(self) -> tuple[Floats, Floats]:
        """The steps, rising, and the values: [N], [N]."""
        steps, values = together(self._done)
        if len(self._open[0]):
            steps = np.append(steps, self._open[0][-1])
            values = np.append(values, mean_of(self._open[1][None]))
        if self.sort:
            order = np.argsort(steps, kind="stable")
            return one_each(steps[order], values[order])
        return steps, values

    def _take(self, steps: Floats, values: Floats) -> None:
        """Take in readings in order, joined to those that wait."""
        self._last = float(steps[-1])
        steps, values = together([self._open, (steps, values)])
        whole = len(steps) - len(steps) % self.width
        joined = mean_of(values[:whole].reshape(-1, self.width))
        self._done.append((steps[:whole].reshape(-1, self.width)[:, -1], joined))
        self._open = steps[whole:], values[whole:]
        self._count += len(joined)
        while self._count > KEPT:
            self._halve()

    def _halve(self) -> None:
        """Join neighbours in pairs. One without a neighbour waits, as often as it counts."""
        steps, values = together(self._done)
        even = len(steps) - len(steps) % 2
        self._done = [(steps[1:even:2], mean_of(values[:even].reshape(-1, 2)))]
        left = np.repeat(steps[even:], self.width), np.repeat(values[even:], self.width)
        self._open = together([left, self._open])
        self._count, self.width = even // 2, 2 * self.width


def together(parts: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """Steps and values of all parts, one after the other."""
    if not parts:
        return np.empty(0), np.empty(0)
    return np.concatenate([steps for steps, _ in parts]), np.concatenate([values for _, values in parts])


def one_each(steps: Floats, values: Floats) -> tuple[Floats, Floats]:
    """The last reading of each step, where the same step comes several times in a row: [N], [N] -> [M], [M]."""
    newest = np.append(steps[1:] != steps[:-1], True)[: len(steps)]
    return steps[newest], values[newest]


def mean_of(values: Floats) -> Floats:
    """The mean of what is finite in each row, but the last one where that is not finite: [N, K] -> [N].

    A stray NaN is passed over; one that stays is seen.
    """
    finite = np.isfinite(values)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        means = np.where(finite, values, 0).sum(1) / finite.sum(1)
    return np.asarray(np.where(finite[:, -1], means, values[:, -1]))


class Columns:
    """The columns of one log by name.

    Args:
        wanted: which columns are kept; of the others only the name is.
        prefix: of the columns that belong to this log; their names go without it.

    Attributes:
        sort: their steps come in no order at all.
        others: the columns that are not wanted.
        resumed: the steps that the log went back to.
    """

    def __init__(self, wanted: Callable[[str], bool], prefix: str = "") -> None:
        self.wanted, self.prefix, self.sort = wanted, prefix, False
        self._columns: dict[str, Column] = {}
        self.others: dict[str, None] = {}
        self.resumed: list[float] = []

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __getitem__(self, name: str) -> Column:
        return self._columns[name]

    def add(self, name: str, steps: Floats, values: Floats) -> None:
        """Take in readings of one column: [N], [N]."""
        if not name.startswith(self.prefix):
            return
        name = name.removeprefix(self.prefix)
        if name not in self._columns:
            if name in self.others or not self.wanted(name):
                self.others[name] = None
                return
            self._columns[name] = Column(self.sort)
        self._columns[name].add(steps, values)

    def go_back(self, step: float) -> None:
        """Drop what was logged at `step` and later, of all columns."""
        self.resumed.append(step)
        for column in self._columns.values():
            column.go_back(step)

    def put_in_order(self) -> None:
        """From here on take the steps in any order."""
        self.sort = True
        for column in self._columns.values():
            column.sort = True
