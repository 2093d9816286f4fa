"""Fingerprint: what a data set looks like from outside, as plain numbers."""

from dataclasses import asdict, dataclass
from statistics import median_low
from typing import Any

from steadygan.data.source import Survey
from steadygan.images import is_grey


@dataclass(frozen=True)
class Fingerprint:
    """The facts that a plan is made from.

    Attributes:
        count: usable examples.
        short_side: the median short side in pixels; 0 for points.
        same_size: all images have one size, and it is square.
        grey: no image holds colour.
        class_counts: class name -> how many; empty without labels.
    """

    count: int
    short_side: int
    same_size: bool
    grey: bool
    class_counts: dict[str, int]

    @property
    def are_points(self) -> bool:
        """Points have no sides."""
        return self.short_side == 0

    def as_dict(self) -> dict[str, Any]:
        """The plain mapping that is written as `fingerprint.json`."""
        return asdict(self)


def fingerprint(survey: Survey) -> Fingerprint:
    """The fingerprint of a surveyed source.

    >>> fingerprint(Survey(2, {(640, 480): 1, (100, 300): 1}, {"RGB": 2}, {}))
    Fingerprint(count=2, short_side=100, same_size=False, grey=False, class_counts={})
    """
    sides = [min(size) for size, n in survey.sizes.items() for _ in range(n)]
    square = all(width == height for width, height in survey.sizes)
    grey = bool(survey.modes) and all(map(is_grey, survey.modes))
    same = len(survey.sizes) == 1 and square
    return Fingerprint(survey.count, median_low(sides) if sides else 0, same, grey, dict(survey.class_counts))
