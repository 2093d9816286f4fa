"""A refresh's iterations on the weights of a group, each by the shortest way that serves it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import is_
from typing import Any, cast

import torch
from torch import Tensor

from steadygan.spectral.native import Found, Iteration
from steadygan.spectral.normalized import NormalizedWeight
from steadygan.spectral.subspace import Leading, iterate, on_host
from steadygan.spectral.workspace import Workspace


@dataclass(frozen=True)
class Until:
    """As many iterations as each weight needs.

    Attributes:
        residual: |W'u - sigma v| / sigma at which a weight is left alone.
        at_most: iterations in one refresh.
        unseen: iterations where asking for the residual would wait for the device: everywhere but on a CPU.
    """

    residual: float = 0.03
    at_most: int = 8
    unseen: int = 2


@dataclass(eq=False)
class Room:
    """Memory for the plain weights of a group on a CPU, kept from one refresh to the next.

    Attributes:
        maps, threads: the weights' maps when it was furnished, and how many threads torch had.
        native, others: for weights that the kernels take, and for those that they do not.
        quick, slow: which of the weights these are.
    """

    maps: list[Any] = field(default_factory=list)
    threads: int = 0
    native: Iteration | None = None
    others: Workspace | None = None
    quick: list[int] = field(default_factory=list)
    slow: list[int] = field(default_factory=list)

    def enter(self, weights: Sequence[NormalizedWeight]) -> None:
        """Furnish it for these weights, unless it is."""
        maps, threads = [one.maps()[0] for one in weights], torch.get_num_threads()
        if threads == self.threads and len(maps) == len(self.maps) and all(map(is_, maps, self.maps)):
            return
        self.maps, self.threads = maps, threads
        self.quick = [k for k, one in enumerate(weights) if one.goes_short()]
        self.slow = [k for k, one in enumerate(maps) if on_host(one.matrices) and k not in self.quick]
        self.native = Iteration([maps[k] for k in self.quick]) if self.quick else None
        self.others = Workspace([maps[k] for k in self.slow]) if self.slow else None

    def iterate(
        self, weights: Sequence[NormalizedWeight], until: Until, store: bool, divide: bool
    ) -> dict[NormalizedWeight, list[Any]]:
        """What it finds, reading by reading; without the weights that it cannot serve."""
        self.enter(weights)
        found: dict[NormalizedWeight, list[Any]] = {}
        if self.native is not None:
            seats = [weights[k].seat(store, divide) for k in self.quick]
            for k, one in zip(self.quick, self.native.iterate(seats, until.residual, until.at_most) or [], strict=False):
                found[weights[k]] = [one]
        if self.others is not None:
            starts = [weights[k].sound_starts()[0] for k in self.slow]
            for k, leading in zip(self.slow, self.others.iterate(starts, until.residual, until.at_most) or [], strict=False):
                found[weights[k]] = [leading]
        return found


def advance(weights: Sequence[NormalizedWeight], until: Until, room: Room, store: bool, divide: bool) -> list[list[Any]]:
    """Iterate on all readings of all weights: -> what was found, put into the buffers too if `store`.

    With `divide` the kernels make the normalized weights in passing.
    """
    found = room.iterate([one for one in weights if one.plain], until, store, divide)
    if len(found) < len(weights):
        found |= longer([one for one in weights if one not in found], until)
    away = {one: ones for one, ones in found.items() if not is_home(ones[0])} if store else {}
    if away:
        write(away)
    return [found[one] for one in weights]


def is_home(leading: Any) -> bool:
    """It is in its buffers already."""
    return isinstance(leading, Found) and leading.home


@torch.no_grad()
def longer(weights: Sequence[NormalizedWeight], until: Until) -> dict[NormalizedWeight, list[Any]]:
    """The way that any weight can go, on any device."""
    jobs = [
        (one, map_, u, basis)
        for one in weights
        for map_, u, basis in zip(one.maps(), one.us(), one.sound_starts(), strict=True)
    ]
    owners, maps, us, bases = (list(column) for column in zip(*jobs, strict=True))
    found: dict[NormalizedWeight, list[Any]] = {}
    for one, leading in zip(owners, iterated(maps, us, bases, until), strict=True):
        found.setdefault(one, []).append(leading)
    return found


def iterated(maps: list[Any], us: list[Tensor], bases: list[Tensor], until: Until) -> list[Leading]:
    """As many iterations as asked for, on ever fewer maps."""
    seeing = on_host(us[0])
    active, found = list(range(len(maps))), cast(list[Leading], [None] * len(maps))
    for _ in range(until.at_most if seeing else until.unseen):
        news = iterate([maps[i] for i in active], [us[i] for i in active], [bases[i] for i in active])
        for i, leading in zip(active, news, strict=True):
            found[i], us[i], bases[i] = leading, leading.u, leading.basis
        if seeing and until.residual:
            residuals = torch.stack([leading.residual.amax() for leading in news]).tolist()
            active = [i for i, residual in zip(active, residuals, strict=True) if residual > until.residual]
        if not active:
            break
    return found


@torch.no_grad()
def write(found: dict[NormalizedWeight, list[Any]]) -> None:
    """Put what was found into the buffers."""
    us = [u for one in found for u in one.us()]
    buffers = [basis for one in found for basis in one.bases()]
    bases = [
        reading.out(one.weight, leading.basis, one.raw)
        for one, ones in found.items()
        for reading, leading in zip(one.readings, ones, strict=True)
    ]
    torch._foreach_copy_([*us, *buffers], [*(leading.u for ones in found.values() for leading in ones), *bases])
