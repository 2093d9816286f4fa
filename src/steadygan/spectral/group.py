"""The normalized weights of a network, refreshed together."""

import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack

from steadygan.spectral.division import Known, divided
from steadygan.spectral.law import full_precision
from steadygan.spectral.modes import to_coefficient
from steadygan.spectral.normalized import FIRST, NormalizedWeight
from steadygan.spectral.subspace import Leading, iterate, on_host
from steadygan.spectral.watching import watch_optimizers
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


Iterations = int | Callable[[int], int] | Until


@dataclass(eq=False)
class Room:
    """The workspace for the plain weights of a group, kept from one refresh to the next."""

    space: Workspace | None = None
    maps: list[Any] = field(default_factory=list)

    def iterate(self, weights: Sequence[NormalizedWeight], until: Until) -> list[list[Leading]] | None:
        """What the workspace finds, reading by reading; None where it cannot serve."""
        if not weights:
            return None
        maps = [one.maps()[0] for one in weights]
        if self.space is None or len(maps) != len(self.maps) or any(a is not b for a, b in zip(maps, self.maps, strict=True)):
            self.space, self.maps = Workspace(maps), maps
        self.space.load([one.us()[0] for one in weights], [one.sound_starts()[0] for one in weights])
        found = self.space.iterate(until.residual, until.at_most)
        return None if found is None else [[one] for one in found]


BURN_IN = Until(0.003, 30, 15)  # after application, and after a load that brought no vectors
EVERY = 64  # after the first forward passes unseen writes are looked for in each so many-th
UNSEEN = (
    "spectral norm: {!r} was changed through .data, which cannot always be noticed; from now on every forward pass refreshes. "
    "Change weights under torch.no_grad() instead, or call refresh() after each change"
)


@dataclass(eq=False)
class Group:
    """Normalized weights that are refreshed together.

    Attributes:
        iterations: of each refresh.
        automatic: an optimizer's step refreshes them, and so does a forward pass that finds a stored weight changed otherwise.
        weights: all of them.
        refreshes: how many there were.
        inside: how many forward passes of its layers are going on.
    """

    iterations: Iterations
    automatic: bool = True
    weights: list[NormalizedWeight] = field(default_factory=list)
    refreshes: int = 0
    passes: int = 0
    unseen_writes: bool = False
    inside: int = 0
    room: Room = field(default_factory=Room)

    def __post_init__(self) -> None:
        if self.automatic:
            watch_optimizers(self)

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Called after every step of any optimizer: where it moved one of these weights, all are refreshed."""
        ours = {id(one.raw) for one in self.weights}
        if any(id(parameter) in ours for group in optimizer.param_groups for parameter in group["params"]):
            self.refresh()

    def before_forward(self, one: NormalizedWeight, training: bool) -> None:
        """Called by each layer before it computes. Outside training the buffers are left alone."""
        if one is self.weights[0]:
            self._look_for_unseen_writes()
        if one.written:
            self.adopt()
        one.loan = None
        known = one.in_step(one.raw) and (one.stored or not training or not one.at_home())
        if self.automatic and not known and one.is_own():
            self.refresh(store=training, iterations=None if training else BURN_IN)

    def adopt(self) -> None:
        """Take over all that was written into normalized weights."""
        for one in self.weights:
            if one.written:
                one.adopt()
        if not self.automatic:
            self.refresh()

    @torch.no_grad()
    def refresh(
        self, chosen: Sequence[NormalizedWeight] | None = None, iterations: Iterations | None = None, store: bool = True
    ) -> None:
        """Move u and v of all weights, or of the chosen ones, on; then divide."""
        chosen = self.weights if chosen is None else chosen
        for one in chosen:
            if one.written:
                one.adopt()
        with torch.inference_mode(False), outside_transforms(), full_precision(chosen[0].raw):
            found = advance(chosen, self._until(chosen, iterations), self.room)
            if store:
                write(chosen, found)
            for one, leading in zip(chosen, found, strict=True):
                one.keep(leading, store)
            self.divide(chosen)
        self.refreshes += 1

    @torch.no_grad()
    def settle(self, one: NormalizedWeight) -> None:
        """Find u and v of one weight anew, outside the schedule of refreshes."""
        with torch.inference_mode(False), full_precision(one.raw):
            found = advance([one], BURN_IN, Room())
            write([one], found)
            one.keep(found[0], True)

    def divide(self, chosen: Sequence[NormalizedWeight]) -> None:
        """Put the normalized weights into memory, as outputs of one node."""
        chosen = [one for one in chosen if one.mode.factor is not None]
        if not chosen:
            return
        with torch.inference_mode(False), outside_transforms(), full_precision(chosen[0].raw):
            known = [one.known or one.know_buffers() for one in chosen]
            with torch.no_grad():
                set_factors(known)
            with torch.enable_grad():
                values = divided(known, *(one.raw for one in chosen), *(one.gain for one in chosen))
        for one, value in zip(chosen, values, strict=True):
            one.remember(value)

    def _until(self, chosen: Sequence[NormalizedWeight], iterations: Iterations | None) -> Until:
        """When to stop: as asked for now, or as always."""
        if iterations is None:
            iterations = BURN_IN if any(one.lost for one in chosen) else self.iterations
        if isinstance(iterations, Until):
            return iterations
        count = iterations(self.refreshes) if callable(iterations) else iterations
        return Until(0.0, count, count)

    def _look_for_unseen_writes(self) -> None:
        """Now and then compare a few numbers, for writes through `.data`."""
        if torch._C._are_functorch_transforms_active() or being_captured(self.weights[0].raw):
            return
        self.passes += 1
        found = {one: change for one in self.weights if (change := one.changed_unseen())}
        for one, change in found.items():
            if change == "value":
                one.adopt()
        if "raw" in found.values() and self.automatic and not self.unseen_writes:
            self.unseen_writes = True
            name = next(one.name for one, change in found.items() if change == "raw")
            warnings.warn(UNSEEN.format(name), stacklevel=4)
        if found or self.unseen_writes:
            for one in self.weights:
                one.trust(False)
        elif self.passes <= FIRST or self.passes % EVERY == 0:
            for one in self.weights:
                one.sample()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "weights": [], "inside": 0, "room": Room()}  # copies of the weights enter themselves

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__post_init__()

    def __deepcopy__(self, memo: dict[int, Any]) -> "Group":
        """The same settings and no weights: their copies enter themselves."""
        twin = Group(self.iterations, self.automatic, [], self.refreshes, self.passes, self.unseen_writes)
        memo[id(self)] = twin
        return twin


def outside_transforms() -> AbstractContextManager[Any]:
    """Vectors and normalized weights are no part of what torch.func differentiates or maps over."""
    return temporarily_clear_interpreter_stack() if torch._C._are_functorch_transforms_active() else nullcontext()


def being_captured(tensor: Tensor) -> bool:
    """A CUDA graph is being recorded, which cannot hold a question to the device."""
    return tensor.is_cuda and torch.cuda.is_current_stream_capturing()


def set_factors(known: Sequence[Known]) -> None:
    """What each weight is multiplied by; all plain ones at once."""
    plain = [one for one in known if one.quick]
    for one in known:
        if not one.quick:
            one.factor = one.law.factor(one.sigma, one.coefficient)
    if plain:
        sigmas = torch.stack([one.sigma for one in plain])
        factors = to_coefficient(sigmas, torch.stack([one.coefficient for one in plain]))
        if on_host(sigmas):
            for one, sigma, number in zip(plain, sigmas.tolist(), factors.tolist(), strict=True):
                one.numbers = (sigma, number)
            return
        for one, factor in zip(plain, factors.unbind(), strict=True):
            one.factor = factor


def write(weights: Sequence[NormalizedWeight], found: Sequence[Sequence[Leading]]) -> None:
    """Put what a refresh found into the buffers."""
    leading = [one for ones in found for one in ones]
    readings = [(one, reading) for one in weights for reading in one.readings]
    bases = [reading.out(one.weight, new.basis, one.raw) for (one, reading), new in zip(readings, leading, strict=True)]
    torch._foreach_copy_([u for one in weights for u in one.us()], [one.u for one in leading])
    torch._foreach_copy_([basis for one in weights for basis in one.bases()], bases)


def advance(weights: Sequence[NormalizedWeight], until: Until, room: Room) -> list[list[Leading]]:
    """Iterate on all readings of all weights: -> what was found. Plain weights on a CPU go a shorter way."""
    plain = [one for one in weights if one.plain and on_host(one.raw)]
    found = dict(zip(plain, room.iterate(plain, until) or [], strict=False))
    jobs = [
        (one, map_, u, basis)
        for one in weights
        if one not in found
        for map_, u, basis in zip(one.maps(), one.us(), one.sound_starts(), strict=True)
    ]
    if jobs:
        owners, maps, us, bases = (list(column) for column in zip(*jobs, strict=True))
        for one, leading in zip(owners, iterated(maps, us, bases, until), strict=True):
            found.setdefault(one, []).append(leading)
    return [found[one] for one in weights]


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
