"""The normalized weights of a network, refreshed together."""

import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack

from steadygan.spectral.advance import Room, Until, advance
from steadygan.spectral.division import Known, divided
from steadygan.spectral.law import full_precision
from steadygan.spectral.modes import to_coefficient
from steadygan.spectral.normalized import FIRST, NormalizedWeight
from steadygan.spectral.subspace import on_host
from steadygan.spectral.watching import watch_optimizers

Iterations = int | Callable[[int], int] | Until


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
        ahead: a refresh divides at once, since what the last one made was read. Code that torch.compile made never reads it.
    """

    iterations: Iterations
    automatic: bool = True
    weights: list[NormalizedWeight] = field(default_factory=list)
    refreshes: int = 0
    passes: int = 0
    unseen_writes: bool = False
    sampled: bool = False
    inside: int = 0
    ahead: bool = True
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

    def refresh(
        self, chosen: Sequence[NormalizedWeight] | None = None, iterations: Iterations | None = None, store: bool = True
    ) -> None:
        """Move u and v of all weights, or of the chosen ones, on; then divide."""
        chosen = self.weights if chosen is None else chosen
        for one in chosen:
            if one.written:
                one.adopt()
        with aside(chosen[0].raw):
            found = advance(chosen, self._until(chosen, iterations), self.room, store, self.ahead)
            for one, leading in zip(chosen, found, strict=True):
                one.keep(leading, store)
            if self.ahead:
                self._divide(chosen)
        self.ahead = self.sampled = False
        self.refreshes += 1

    @torch.no_grad()
    def settle(self, one: NormalizedWeight) -> None:
        """Find u and v of one weight anew, outside the schedule of refreshes."""
        with aside(one.raw):
            one.keep(advance([one], BURN_IN, Room(), True, False)[0], True)

    def divide(self, chosen: Sequence[NormalizedWeight] | None = None) -> None:
        """Put the normalized weights into memory, as outputs of one node: the chosen ones, or all that are missing."""
        if chosen is None:
            chosen = [one for one in self.weights if one.value is None and one.in_step(one.raw)]
        with aside(chosen[0].raw):
            self._divide(chosen)

    def _divide(self, chosen: Sequence[NormalizedWeight]) -> None:
        chosen = [one for one in chosen if one.mode.factor is not None]
        if not chosen:
            return
        known = [one.known or one.know_buffers() for one in chosen]
        if any(one.numbers is None for one in known):
            with torch.no_grad():
                set_factors(known)
        with nullcontext() if torch.is_grad_enabled() else torch.enable_grad():
            values = divided(known, *(one.raw for one in chosen), *(gain for one in chosen if (gain := one.gain) is not None))
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
        found = {one: change for one in self.weights if (change := one.changed_unseen())} if self.sampled else {}
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
            sampled = [one.sample() for one in self.weights]
            self.sampled = any(sampled)

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


def aside(tensor: Tensor) -> ExitStack:
    """Out of autocast, inference mode and torch.func, where the caller is in one: vectors and normalized weights are no part of
    what it differentiates or maps over, and are needed beyond it."""
    stack = ExitStack()
    if torch.is_inference_mode_enabled():
        stack.enter_context(torch.inference_mode(False))
    if torch._C._are_functorch_transforms_active():
        stack.enter_context(temporarily_clear_interpreter_stack())
    if torch.is_autocast_enabled(tensor.device.type):
        stack.enter_context(full_precision(tensor))
    return stack


def being_captured(tensor: Tensor) -> bool:
    """A CUDA graph is being recorded, which cannot hold a question to the device."""
    return tensor.is_cuda and torch.cuda.is_current_stream_capturing()


def set_factors(known: Sequence[Known]) -> None:
    """What each weight is multiplied by; all plain ones at once."""
    plain = [one for one in known if one.quick and one.numbers is None]
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
