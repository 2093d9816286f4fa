"""Reader: takes in what each step gives, and makes a reading of it now and then. Its own failures are noted, not raised."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from steadygan.diagnosis.base import Finding
from steadygan.errors import UsageError
from steadygan.game import Batch, Networks
from steadygan.monitor.account import Account
from steadygan.monitor.examples import Reference
from steadygan.monitor.motion import Motion
from steadygan.monitor.window import Window
from steadygan.monitor.wrapped import refuse_sharded
from steadygan.monitoring import Averaged, Cells, Diversity, Spectrum
from steadygan.monitoring.updates import KEPT
from steadygan.training.step import norm_of

T = TypeVar("T")
FEWEST = 64  # examples that a histogram over the cells of the data is made of; beyond that, as many times as many as there are
SECONDS_A_LAYER, SECONDS_AN_OPERATION = 5e-4, 2e-10  # of all singular values of M x N, with M * N * min(M, N) operations


class Reader:
    """What a monitor measures with.

    Args:
        networks: the players, without wrappers.
        account: pays for the decompositions of the weights.
        threshold: the logit between real and fake.
        optimizers: of the players, where they are known.

    Attributes:
        step: the one at hand.
        notes: what could not be measured, told once each.
        strict: whether a wrong argument is raised; so in the first call, where no training is lost.
    """

    def __init__(self, networks: Networks, account: Account, threshold: float, optimizers: Mapping[str, Optimizer]) -> None:
        self.networks, self.account, self.threshold, self.optimizers = networks, account, threshold, optimizers
        self.strict = True
        self.notes: dict[str, Finding] = {}
        self._price: float | None = None  # seconds of the last decomposition, or that the first one may take
        self._n_images, self._n_fakes = 0, FEWEST  # of diversity, of cells: never fewer than before, for both shift with it
        self.reference = Reference()
        self.motions = {player: Motion(network, optimizers.get(player)) for player, network in vars(networks).items()}
        self.go_back(0)

    def go_back(self, step: int) -> None:
        """Count on from `step`, with nothing of what came after it."""
        self.step, self.notes = step, {}
        self.memory: dict[str, Any] = {}  # of the probe that looks at cells
        for motion in self.motions.values():
            motion.forget()
        self.renew()

    def renew(self) -> None:
        """Begin a new window."""
        self.parameters = {player: motion.renew() for player, motion in self.motions.items()}
        first = next(iter(self.parameters["discriminator"]), torch.empty(0, device="cpu"))
        self.window = Window(first.device)

    def take(self, side: str, logits: Tensor | None, images: Tensor | None, left: int) -> int:
        """Take in what the step at hand gives of one side, `left` steps before the reading; returns the size of the batch."""
        n = None
        if images is not None:
            n = self.attempt(side, self._take_images, side, images, left)
        if logits is not None:
            n = self.attempt(f"{side}_logits", self.window.add_logits, side, logits, left)
        return n or 0

    def take_averaged(self, fake: Tensor | None, averaged: Tensor | None, left: int) -> None:
        """Take in what the generator and its average made of the same latents."""
        if averaged is not None:
            self.attempt("averaged", self.window.add_pairs, fake, averaged, left)

    def take_scalars(self, scalars: Mapping[str, Tensor | float]) -> None:
        """Take in the numbers that the step at hand gives."""
        for name, value in scalars.items():
            self.attempt(f"scalars[{name!r}]", self.window.add_scalar, name, value)

    def take_gradients(self, given: Mapping[str, Tensor | float]) -> None:
        """Take in the norm of the gradients of both players as they stand, but for what is given."""
        for player, parameters in self.parameters.items():
            if (name := f"grad_norm/{player}") not in given:
                self.attempt(name, self._take_gradient, name, parameters)

    def take_updates(self, left: int) -> None:
        """Look at the weights of both players, in the last steps before the reading."""
        if left < KEPT:
            for player, motion in self.motions.items():
                self.attempt(f"update_norm/{player}", motion.look, left)

    def read(self) -> dict[str, float]:
        """The reading of this window."""
        reading: dict[str, float] = {}
        measures = {"logits": self._logits, "updates": self._updates, "learning_rate": self._learning_rates}
        measures |= {"diversity": self._diversity, "averaged": self._averaged, "cells": self._cells}
        for name, measure in (measures | {"spectrum": self._spectrum}).items():
            reading |= self.attempt(name, measure) or {}
        return without_zeroed(reading | (self.attempt("scalars", self.window.read_scalars) or {}))

    def attempt(self, what: str, measure: Callable[..., T], *arguments: Any) -> T | None:
        """What `measure` returns; None, and a note, where it fails."""
        try:
            return measure(*arguments)
        except Exception as error:
            if self.strict and isinstance(error, UsageError):
                raise
            reason = f"{what} could not be read: {type(error).__name__}: {error}"
            self.note(what, "PROBE-FAILED", reason, "Training goes on as it would; the rules that need it have no vote.")
            return None

    def note(self, what: str, verdict: str, reason: str, advice: str) -> None:
        """Tell of `what`, once."""
        if what not in self.notes:
            self.notes[what] = Finding(f"monitor/{what}", verdict, "info", self.step, reason, advice)

    def _take_images(self, side: str, images: Tensor, left: int) -> int:
        n = self.window.add_images(side, images, left)
        if side == "real" and self.reference.missing:
            self.reference.add(images)
        return n

    def _take_gradient(self, name: str, parameters: list[nn.Parameter]) -> None:
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if gradients:
            refuse_sharded(gradients)
            self.window.add_scalar(name, norm_of(gradients))

    def _logits(self) -> dict[str, float]:
        return self.window.read_logits(self.threshold)

    def _updates(self) -> dict[str, float]:
        return {name: value for player, motion in self.motions.items() for name, value in motion.read(player).items()}

    def _learning_rates(self) -> dict[str, float]:
        return {f"learning_rate/{player}": float(each.param_groups[0]["lr"]) for player, each in self.optimizers.items()}

    def _diversity(self) -> dict[str, float]:
        images = self.window.read_images()
        self._n_images = max(self._n_images, 0 if images is None else len(images[0]))
        if images is None or len(images[0]) < self._n_images:
            return {}
        return Diversity(n=self._n_images).measure(self.networks, batch_of(*images, self.step))

    def _averaged(self) -> dict[str, float]:
        real, fake, averaged = (self.window.images[side].read() for side in ("real", "paired", "averaged"))
        if real is None or fake is None or averaged is None:
            return {}
        return Averaged().measure(self.networks, replace(batch_of(real, fake, self.step), averaged=averaged))

    def _cells(self) -> dict[str, float]:
        live, fakes = (whole(self.window.pooled[side].read()) for side in ("real", "fake"))
        reference = self.reference.read()
        if reference is None:
            return {}
        if any(each is not None and each.shape[1:] != reference.shape[1:] for each in (live, fakes)):
            self.reference, self.memory = Reference(), {}  # the data have another shape now
            return {}
        self._n_fakes = max(self._n_fakes, 0 if fakes is None else len(fakes))
        if fakes is not None and len(fakes) < self._n_fakes:
            fakes = None
        batch = batch_of(reference, reference, self.step)
        known = replace(batch, live=live, reference=reference, memory=self.memory)
        return Cells(n=self._n_fakes).of(fakes, known)

    def _spectrum(self) -> dict[str, float]:
        for parameters in self.parameters.values():
            refuse_sharded(parameters)
        if self._price is None:
            self._price = estimated_price(self.parameters)
        if not self.account.affords(self._price):
            return {}
        began = self.account.clock()
        try:
            return Spectrum().measure(self.networks, batch_of(torch.empty(0), torch.empty(0), self.step))
        finally:
            self._price = self.account.clock() - began
            self.account.buy(self._price)


def without_zeroed(reading: Mapping[str, float]) -> dict[str, float]:
    """The same without a gradient norm of 0 where the player moves: its gradients had been zeroed before they were looked at.

    >>> without_zeroed({"grad_norm/generator": 0.0, "update_norm/generator": 0.1})
    {'update_norm/generator': 0.1}
    """
    moving = [player for player in ("generator", "discriminator") if reading.get(f"update_norm/{player}") != 0]
    zeroed = [name for player in moving if reading.get(name := f"grad_norm/{player}") == 0]
    return {name: value for name, value in reading.items() if name not in zeroed}


def whole(examples: Tensor | None) -> Tensor | None:
    """The newest of [N, ...], a multiple of `FEWEST`; None for fewer.

    >>> len(whole(torch.zeros(250, 2)))
    192
    """
    n = 0 if examples is None else len(examples) // FEWEST * FEWEST
    return examples[-n:] if examples is not None and n else None


def batch_of(real: Tensor, fake: Tensor, step: int) -> Batch:
    """A batch as probes take it, without classes."""
    return Batch(real, fake, None, None, step, torch.Generator())


def estimated_price(parameters: Mapping[str, list[nn.Parameter]]) -> float:
    """Seconds that the decomposition of all weights may take, before one has been made: rather too many than too few."""
    shapes = [weight.flatten(1).shape for weights in parameters.values() for weight in weights if weight.dim() > 1]
    return sum((SECONDS_A_LAYER + SECONDS_AN_OPERATION * m * n * min(m, n) for m, n in shapes), 0.0)
