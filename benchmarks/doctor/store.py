"""One compressed file a run, `ring/r1/d_frozen/3.npz`: the series that a judge may see, and apart from them the truth."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from play import Played
from truth import SERIES, Truth, judged

from steadygan.history import Floats, History

DEFAULT = Path(__file__).parent / "runs"


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

    @property
    def truth(self) -> Truth:
        """What is true of it, by the thresholds of today."""
        return judged(np.array([record["step"] for record in self.history], dtype=np.int64), self.seen)


def save(path: Path, played: Played) -> None:
    """Write a run; a crash leaves no half of one. A reading that is not there is told from one that is not a number."""
    names = list(dict.fromkeys(name for reading in played.series for name in reading))
    there = np.array([[name in reading for name in names] for reading in played.series])
    values = np.array([[reading.get(name, 0.0) for name in names] for reading in played.series], dtype=np.float32)
    meta = np.frombuffer(json.dumps({**played.meta, "series": names}).encode(), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    with draft.open("wb") as file:
        bits = np.packbits(there)
        np.savez_compressed(file, meta=meta, values=values, there=bits, truth=played.truth, histogram=played.histogram)
    draft.replace(path)


def load(path: Path) -> Stored:
    """A run from its file."""
    with np.load(path) as file:
        meta, values, truth, histogram = (
            decoded(file["meta"]),
            file["values"].astype(np.float64),
            file["truth"],
            file["histogram"],
        )
        there = np.unpackbits(file["there"], count=values.size).reshape(values.shape).astype(bool)
    names = meta.pop("series")
    rows = [{names[j]: float(row[j]) for j in np.flatnonzero(kept)} for row, kept in zip(values, there, strict=True)]
    return Stored(History(rows), {name: truth[:, i].astype(np.float64) for i, name in enumerate(SERIES)}, histogram, meta)


def look(path: Path) -> dict[str, Any]:
    """What a file says of its run, without the numbers."""
    with np.load(path) as file:
        return decoded(file["meta"])


def decoded(meta: NDArray[np.uint8]) -> dict[str, Any]:
    """The mapping in an array of bytes."""
    mapping: dict[str, Any] = json.loads(meta.tobytes())
    return mapping


def runs(directory: Path = DEFAULT, **wanted: str) -> Iterator[Stored]:
    """The runs in a directory, by name and seed; `part="fit"`, `data="ring"` and so on choose."""
    for path in sorted(directory.rglob("*.npz")):
        if all(look(path)[key] == value for key, value in wanted.items()):
            yield load(path)
