"""What a result keeps of a long history: a few series, thinned, for the pictures of a report."""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any

POINTS = 40  # of each series at most

# name in the result -> (how a reading's series are joined, how their names begin)
DIGESTS: dict[str, tuple[Callable[[Sequence[float]], float], tuple[str, ...]]] = {
    "sigma": (max, ("sigma/D.",)),
    "effective_rank": (min, ("effective_rank/D.",)),
    "sigma_error": (max, ("sigma_error/D.",)),
    "wobble": (max, ("wobble/logits",)),
    "diversity": (max, ("diversity/pairwise_ratio",)),
    "slope": (max, ("slope/largest",)),
}


def traces_of(history: Sequence[Mapping[str, Any]]) -> dict[str, list[tuple[int, float | None]]]:
    """The digest of a history: by name [step, value], at most 40 points each, the last one among them."""
    found = {name: joined(history, *how) for name, how in DIGESTS.items()}
    return {name: thinned(points) for name, points in found.items() if points}


def joined(
    history: Sequence[Mapping[str, Any]], join: Callable[[Sequence[float]], float], starts: tuple[str, ...]
) -> list[tuple[int, float | None]]:
    """One number a reading from all series whose names begin so; None where one of them is not finite."""
    points: list[tuple[int, float | None]] = []
    for row in history:
        values = [value for name, value in row.items() if name.startswith(starts)]
        if values:
            finite = all(isinstance(value, int | float) and isfinite(value) for value in values)
            points.append((int(row["step"]), float(f"{join([abs(v) for v in values]):.5g}") if finite else None))
    return points


def thinned(points: list[tuple[int, float | None]]) -> list[tuple[int, float | None]]:
    """At most 40 of the points, evenly spaced from the last backward."""
    stride = -(-len(points) // POINTS)
    return points[::-1][::stride][::-1]
