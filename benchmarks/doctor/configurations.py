"""All configurations of the suite: a data set, a method, and what is injected, if anything."""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from itertools import zip_longest
from zlib import crc32

from injections import INJECTIONS
from methods import EVERY, of_images, of_points, plain_images, plain_points
from sets import IMAGES, source
from split import INJECTED, families

from steadygan.config import Config

__all__ = ["EVERY", "Configuration", "configurations"]


@dataclass(frozen=True)
class Configuration:
    """One configuration, to be run with several seeds.

    Attributes:
        part: "fit", "tune" or "sealed".
        injection: "" for none.
        right: headlines that are right for the method, where it makes a run sick.
        few: how many examples it trains on; 0 for all.
    """

    data: str
    method: str
    injection: str
    part: str
    config: Config
    right: tuple[str, ...] = ()
    few: int = 0

    @property
    def name(self) -> str:
        """`ring/r1` or `ring/r1/d_frozen`."""
        return "/".join(word for word in (self.data, self.method, self.injection) if word)

    def seed(self, number: int) -> int:
        """The seed of run `number`: its own for each configuration, so that no two runs begin alike."""
        return crc32(f"{self.name}/{number}".encode())


def configurations(*patterns: str) -> list[Configuration]:
    """Those whose name fits a pattern, in the order of play."""
    return [one for one in everything() if any(fnmatchcase(one.name, pattern) for pattern in patterns or ("*",))]


@cache
def everything() -> tuple[Configuration, ...]:
    """All configurations: the data sets in turn, and in each a plain one and one with an injection in turn."""
    of_data = [in_turn(*both) for both in (plain_and_injected(data) for data in INJECTED)]
    return tuple(in_turn(*of_data))


def in_turn(*lists: list[Configuration]) -> list[Configuration]:
    """The first of each list, then the second of each, and so on."""
    return [one for turn in zip_longest(*lists) for one in turn if one]


def plain_and_injected(data: str) -> tuple[list[Configuration], list[Configuration]]:
    """The configurations of a data set."""
    plain = [configuration(data, method, "", part) for (where, method), part in families().items() if where == data]
    by_method = [list(injected(data, method)) for method in INJECTED[data]]
    return plain, in_turn(*by_method)


def configuration(data: str, name: str, injection: str, part: str) -> Configuration:
    """One configuration with its config complete."""
    method, plain = (of_images()[name], plain_images) if data in IMAGES else (of_points()[name], plain_points)
    return Configuration(data, name, injection, part, plain(source(data)).with_(**method.changes), method.right, method.few)


def injected(data: str, method: str) -> Iterator[Configuration]:
    """A family with each injection that is possible there."""
    part = families()[data, method]
    for name, injection in INJECTIONS.items():
        one = configuration(data, method, name, part)
        stabilizers = {stabilizer.name for stabilizer in one.config.stabilizers}
        if injection.needs in {"", *stabilizers, "labels" if one.config.conditional and data in IMAGES else ""}:
            yield one
