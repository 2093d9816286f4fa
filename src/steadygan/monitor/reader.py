"""Reader: takes in what each step gives, and makes a reading of it now and then. Its own failures are noted, not raised."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from steadygan.diagnosis.base import Finding
from steadygan.errors import UsageError
from steadygan.game import Batch, Networks
from steadygan.monitor.account import Account
from steadygan.monitor.window import Window
from steadygan.monitor.wrapped import refuse_sharded
from steadygan.monitoring import Diversity, Spectrum
from steadygan.training.step import norm_of

T = TypeVar("T")
SECONDS_A_LAYER, SECONDS_AN_OPERATION = 5e-4, 2e-10  # of all singular values of M x N, with M * N * min(M, N) operations


class Reader:
    """What a monitor measures with.

    Args:
        networks: the players, without wrappers.
        account: pays for the decompositions of the weights.
        threshold: the logit between real and fake.

    Attributes:
        step: the one at hand.
        notes: what could not be measured, told once each.
        strict: whether a wrong argument is raised; so in the first call, where no training is lost.
    """

    def __init__(self, networks: Networks, account: Account, threshold: float) -> None:
        self.networks, self.account, self.threshold = networks, account, threshold
        self.step, self.strict = 0, True
        self.notes: dict[str, Finding] = {}
        self._price: float | None = None  # seconds of the last decomposition
        self._n_images = 0  # that diversity is read from: never fewer than before, for the ratios shift with it
        self.renew()

    def renew(self) -> None:
        """Begin a new window."""
        self.parameters = {player: list(network.parameters()) for player, network in vars(self.networks).items()}
        first = next(iter(self.parameters["discriminator"]), torch.empty(0, device="cpu"))
        self.window = Window(first.device)

    def take(self, side: str, logits: Tensor | None, images: Tensor | None, left: int) -> int:
        """Take in what the step at hand gives of one side, `left` steps before the reading; returns the size of the batch."""
        n = None
        if images is not None:
            n = self.attempt(side, self.window.add_images, side, images, left)
        if logits is not None:
            n = self.attempt(f"{side}_logits", self.window.add_logits, side, logits)
        return n or 0

    def take_scalars(self, scalars: Mapping[str, Tensor | float]) -> None:
        """Take in the numbers that the step at hand gives."""
        for name, value in scalars.items():
            self.attempt(f"scalars[{name!r}]", self.window.add_scalar, name, value)

    def take_gradients(self, given: Mapping[str, Tensor | float]) -> None:
        """Take in the norm of the gradients of both players as they stand, but for what is given."""
        for player, parameters in self.parameters.items():
            if (name := f"grad_norm/{player}") not in given:
                self.attempt(name, self._take_gradient, name, parameters)

    def read(self) -> dict[str, float]:
        """The reading of this window."""
        reading: dict[str, float] = {}
        for name, measure in (("logits", self._logits), ("diversity", self._diversity), ("spectrum", self._spectrum)):
            reading |= self.attempt(name, measure) or {}
        return reading | (self.attempt("scalars", self.window.read_scalars) or {})

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

    def _take_gradient(self, name: str, parameters: list[nn.Parameter]) -> None:
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if gradients:
            refuse_sharded(gradients)
            self.window.add_scalar(name, norm_of(gradients))

    def _logits(self) -> dict[str, float]:
        return self.window.read_logits(self.threshold)

    def _diversity(self) -> dict[str, float]:
        images = self.window.read_images()
        self._n_images = max(self._n_images, 0 if images is None else len(images[0]))
        if images is None or len(images[0]) < self._n_images:
            return {}
        return Diversity(n=self._n_images).measure(self.networks, batch_of(*images, self.step))

    def _spectrum(self) -> dict[str, float]:
        for parameters in self.parameters.values():
            refuse_sharded(parameters)
        if not self.account.affords(self._price or estimated_price(self.parameters)):
            return {}
        began = self.account.clock()
        try:
            return Spectrum().measure(self.networks, batch_of(torch.empty(0), torch.empty(0), self.step))
        finally:
            self._price = self.account.clock() - began
            self.account.buy(self._price)


def batch_of(real: Tensor, fake: Tensor, step: int) -> Batch:
    """A batch as probes take it, without classes."""
    return Batch(real, fake, None, None, step, torch.Generator())


def estimated_price(parameters: Mapping[str, list[nn.Parameter]]) -> float:
    """Seconds that the decomposition of all weights may take, before one has been made: rather too many than too few."""
    shapes = [weight.flatten(1).shape for weights in parameters.values() for weight in weights if weight.dim() > 1]
    return sum((SECONDS_A_LAYER + SECONDS_AN_OPERATION * m * n * min(m, n) for m, n in shapes), 0.0)
