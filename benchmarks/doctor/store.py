"""Keeps a played run as one compressed file, `ring/r1/d_frozen/3.npz`; `steadygan.card.runs` reads it."""

import json
from pathlib import Path

import numpy as np
from play import Played

DEFAULT = Path(__file__).parent / "runs"


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
