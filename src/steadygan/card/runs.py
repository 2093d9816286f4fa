"""Labelled runs as they are kept: one compressed file each, what a judge may see and apart from it the truth."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from steadygan.card.truth import SERIES, Truth, judged
from steadygan.errors import DataError
from steadygan.history import Floats, History


@dataclass(frozen=True)
class Stored:
    """A run as it was kept.

    Attributes:
        history: what a judge may see.
        seen: the truth's series by name, each [T]; `histogram`: samples in each mode, [T, K].
        meta: name, data, method, injection, injected, cause, part, seed, few, config and truth.
    """

    history: History
    seen: dict[str, Floats]
    histogram: NDArray[np.uint16]
    meta: dict[str, Any]

    @cached_property
    def truth(self) -> Truth:
        """What is true of it, by the thresholds of today."""
        return judged(self.history.steps(), self.seen)

    @property
    def injected(self) -> int | None:
        """The number of steps before something was done to it; None where nothing was."""
        return None if self.meta["injected"] is None else int(self.meta["injected"])

    @property
    def right(self) -> tuple[str, ...]:
        """The headlines that its samples or the known cause make right."""
        return (*self.truth.right, *self.meta["cause"])

    @property
    def stable(self) -> bool:
        """Whether it is stable to its end, and nothing was done to it."""
        return self.truth.state == "stable" and self.injected is None


def load(path: Path) -> Stored:
    """A run from its file.

    Raises:
        DataError: it is no file of a labelled run.
    """
    with arrays_of(path) as file:
        meta, values, truth = decoded(file["meta"]), file["values"].astype(np.float64), file["truth"]
        there = np.unpackbits(file["there"], count=values.size).reshape(values.shape).astype(bool)
        histogram = file["histogram"]
    names = meta.pop("series")
    rows = [{names[j]: float(row[j]) for j in np.flatnonzero(kept)} for row, kept in zip(values, there, strict=True)]
    return Stored(History(rows), {name: truth[:, i].astype(np.float64) for i, name in enumerate(SERIES)}, histogram, meta)


def look(path: Path) -> dict[str, Any]:
    """What a file says of its run, without the numbers.

    Raises:
        DataError: it is no file of a labelled run.
    """
    with arrays_of(path) as file:
        return decoded(file["meta"])


@contextmanager
def arrays_of(path: Path) -> Iterator[Mapping[str, NDArray[Any]]]:
    """The arrays in a file; whatever goes wrong with it is said as one error."""
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            yield arrays
    except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
        raise DataError(f"{path}: no labelled run, {type(error).__name__}: {error}", "delete it, and make it anew") from error


def decoded(meta: NDArray[np.uint8]) -> dict[str, Any]:
    """The mapping in an array of bytes."""
    mapping: dict[str, Any] = json.loads(meta.tobytes())
    return mapping


def paths(directory: Path, **wanted: str) -> list[Path]:
    """The files of the runs in a directory, by name and seed; `part="fit"`, `data="ring"` and so on choose."""
    every = sorted(directory.rglob("*.npz"))
    return [path for path in every if wanted.items() <= look(path).items()] if wanted else every


def runs(directory: Path, **wanted: str) -> Iterator[Stored]:
    """The same runs, loaded one by one."""
    return map(load, paths(directory, **wanted))
