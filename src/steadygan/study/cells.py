"""Cell: one arm at one setting with one seed."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Cell:
    """One arm at one setting with one seed.

    >>> Cell("sn", "A", 3).id
    'sn.A.3'
    """

    arm: str
    setting: str
    seed: int

    @property
    def id(self) -> str:
        """Its name, and that of its directory. Names hold no dot, so no two cells share one."""
        return f"{self.arm}.{self.setting}.{self.seed}"
