"""Course: the series of a history side by side on one time line, as windows of the newest readings.

Everything here looks back only: what it says of a reading depends on that reading and on earlier ones, so that a judgement of
a whole history at once says of each step what a judgement at that step said.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from steadygan.history import Floats, History

SPAN = 200  # steps that a window reaches back
FEWEST = 4  # readings in a window, where they lie further apart

Booleans = NDArray[np.bool_]
Made = TypeVar("Made")


class Course:
    """A history with every series on the same time line of T readings, NaN where it was not read.

    >>> course = Course(History([{"step": 50, "a": 1.0}, {"step": 100, "b": 2.0}]))
    >>> course["a"]
    array([ 1., nan])
    >>> course.steps
    array([ 50, 100])
    """

    def __init__(self, history: History, readings: int | None = None) -> None:
        self.history = history
        self.steps = history.steps()
        self._readings = readings
        self._columns: dict[str, Floats] = {}
        self._made: dict[Any, Any] = {}

    def __len__(self) -> int:
        return len(self.steps)

    def __contains__(self, name: str) -> bool:
        return name in self.history

    def __getitem__(self, name: str) -> Floats:
        """All values of a series: [T], NaN where it was not read or is not finite."""
        if name not in self._columns:
            column = np.full(len(self), np.nan)
            steps, values = self.history.steps(name), self.history[name]
            column[np.searchsorted(self.steps, steps)] = np.where(np.isfinite(values), values, np.nan)
            self._columns[name] = column
        return self._columns[name]

    @classmethod
    def of(cls, history: "History | Course") -> "Course":
        """The course of a history; a course is its own."""
        return history if isinstance(history, Course) else cls(history)

    def made(self, make: Callable[["Course"], Made]) -> Made:
        """What `make` makes of this course, made once."""
        if make not in self._made:
            self._made[make] = make(self)
        found: Made = self._made[make]
        return found

    @cached_property
    def newest(self) -> "Course":
        """The same course with windows that hold the newest quarter alone."""
        return Course(self.history, self.readings // FEWEST)

    @cached_property
    def readings(self) -> int:
        """How many readings a window holds."""
        if self._readings is not None:
            return self._readings
        if len(self) < 2:
            return FEWEST
        return max(FEWEST, round(SPAN / max(float(np.median(np.diff(self.steps))), 1.0)))

    def windows(self, name: str) -> Floats:
        """The newest readings of a series, at each reading: [T, K], NaN before the first."""
        return windows(self[name], self.readings)


def windows(values: Floats, readings: int) -> Floats:
    """The newest readings at each reading: [T] -> [T, K], NaN before the first.

    >>> windows(np.array([1.0, 2.0, 3.0]), 2)
    array([[nan,  1.],
           [ 1.,  2.],
           [ 2.,  3.]])
    """
    padded = np.concatenate([np.full(readings - 1, np.nan), values])
    return np.lib.stride_tricks.sliding_window_view(padded, readings)


def mean(windows: Floats) -> Floats:
    """Mean of each window, of what was read in it: [T, K] -> [T], NaN for nothing."""
    known = np.isfinite(windows)
    counts = known.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(known, windows, 0).sum(1) / counts)


def median(windows: Floats) -> Floats:
    """Median of each window, of what was read in it: [T, K] -> [T], NaN for nothing."""
    known = np.isfinite(windows)
    count, rows = known.sum(1), np.arange(len(windows))
    ordered = np.sort(
        np.where(known, windows, np.nan), axis=1
    )  # what is not known comes last; np.nanmedian takes 3 times as long
    low, high = np.maximum(count - 1, 0) // 2, np.minimum(count // 2, windows.shape[1] - 1)
    return np.asarray((ordered[rows, low] + ordered[rows, high]) / 2)


def so_far(values: Floats, best: "np.ufunc") -> Floats:
    """The largest or smallest value up to each reading, with `np.fmax` or `np.fmin`: [T] -> [T], NaN before the first."""
    return np.asarray(best.accumulate(values)) if len(values) else values


def lasting(bad: Booleans, readings: int = 3) -> Booleans:
    """Whether a state holds at each reading: so many bad readings in a row begin it, as many good ones end it: [T] -> [T].

    >>> lasting(np.array([True, True, False, True, False, False]), 2).tolist()
    [False, True, True, True, True, False]
    """
    found, state, run = np.zeros(len(bad), dtype=bool), False, 0
    for index, value in enumerate(bad.tolist()):
        run = run + 1 if value is not state else 0
        if run == readings:
            state, run = not state, 0
        found[index] = state
    return found


def lasting_since(bad: Booleans, readings: int = 3) -> int | None:
    """The bad reading that began the state which holds at the newest one; None where none holds: [T] -> index.

    >>> lasting_since(np.array([True, False, True, True, False, True]), 2)
    2
    """
    state = lasting(bad, readings)
    return begin(state) - readings + 1 if len(state) and state[-1] else None


def held(votes: Booleans, readings: int = 3) -> Booleans:
    """Votes that waver, made steady: a vote for holds at once, and until so many in a row are against: [T] -> [T].

    >>> held(np.array([False, True, False, True, False, False]), 2).tolist()
    [False, True, True, True, True, False]
    """
    newest = np.maximum.accumulate(np.where(votes, np.arange(len(votes)), -readings))
    return np.asarray(np.arange(len(votes)) - newest < readings)


def begin(state: Booleans) -> int:
    """The first reading of the unbroken run that ends with the last one, which is True: [T] -> index.

    >>> begin(np.array([True, False, True, True]))
    2
    """
    broken = np.flatnonzero(~state)
    return int(broken[-1]) + 1 if len(broken) else 0
