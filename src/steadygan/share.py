"""A share of a few, with what may be said of many."""

from collections.abc import Collection
from dataclasses import dataclass
from math import sqrt

Z = 1.96  # standard deviations to each side that hold 95%


@dataclass(frozen=True)
class Share:
    """So many of so many.

    >>> print(Share(26, 27))
    0.96 of 27
    0.82 to 0.99
    """

    hits: int
    of: int

    @classmethod
    def true(cls, votes: Collection[bool]) -> "Share":
        """The share of those that are true."""
        return cls(sum(map(bool, votes)), len(votes))

    @property
    def value(self) -> float | None:
        """In 0..1, None of nothing."""
        return self.hits / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of 95% (Wilson 1927), in 0..1."""
        if not self.of:
            return None
        p, n = self.hits / self.of, self.of
        centre, half = p + Z * Z / (2 * n), Z * sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
        low, high = ((centre + sign * half) / (1 + Z * Z / n) for sign in (-1, 1))
        return max(low, 0.0), min(high, 1.0)

    def __str__(self) -> str:
        if self.value is None or self.interval is None:
            return "-"
        low, high = self.interval
        return f"{self.value:.2f} of {self.of}\n{low:.2f} to {high:.2f}"

    def plain(self) -> dict[str, float] | None:
        """As JSON takes it."""
        if self.value is None or self.interval is None:
            return None
        low, high = self.interval
        return {"share": round(self.value, 3), "from": round(low, 3), "to": round(high, 3), "n": self.of}
