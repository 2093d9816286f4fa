"""Optimizers and learning-rate schedules as parts."""

from collections.abc import Iterable
from typing import Annotated, Literal

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch.nn import Parameter
from torch.optim import Optimizer

from steadygan.parts import Part, Settings, Table
from steadygan.training.lion import SignMomentum
from steadygan.training.muon import OrthogonalMomentum

Beta = Annotated[float, Field(ge=0, lt=1)]


class OptimizerPart(Part):
    """How one player's weights follow its gradient."""

    learning_rate: PositiveFloat = 2e-4

    def build(self, parameters: Iterable[Parameter]) -> Optimizer:
        """A torch optimizer over `parameters`."""
        raise NotImplementedError


class Adam(OptimizerPart):
    """Kingma & Ba 2015, arXiv:1412.6980. beta1 = 0 or 0.5 is usual in GANs: 0.9 alone can make a game oscillate."""

    name: Literal["adam"] = "adam"
    beta1: Beta = 0.0
    beta2: Beta = 0.9
    epsilon: PositiveFloat = 1e-8

    def build(self, parameters: Iterable[Parameter]) -> Optimizer:
        """torch.optim.Adam, fused."""
        betas = (self.beta1, self.beta2)
        return torch.optim.Adam(parameters, self.learning_rate, betas, self.epsilon, fused=True)


class AdamW(Adam):
    """Adam with decoupled weight decay. Loshchilov & Hutter 2019, arXiv:1711.05101.

    Decay changes nothing that a spectrally normalized layer computes, only the scale of what is stored.
    """

    name: Literal["adamw"] = "adamw"  # type: ignore[assignment]
    weight_decay: NonNegativeFloat = 0.01

    def build(self, parameters: Iterable[Parameter]) -> Optimizer:
        """torch.optim.AdamW, fused."""
        betas = (self.beta1, self.beta2)
        return torch.optim.AdamW(parameters, self.learning_rate, betas, self.epsilon, self.weight_decay, fused=True)


class RMSProp(OptimizerPart):
    """Hinton 2012, lecture 6e; the optimizer of the first WGAN, arXiv:1701.07875."""

    name: Literal["rmsprop"] = "rmsprop"
    learning_rate: PositiveFloat = 5e-5
    alpha: Beta = 0.99
    epsilon: PositiveFloat = 1e-8

    def build(self, parameters: Iterable[Parameter]) -> Optimizer:
        """torch.optim.RMSprop."""
        return torch.optim.RMSprop(parameters, self.learning_rate, self.alpha, self.epsilon)


class SGD(OptimizerPart):
    """Stochastic gradient descent with momentum."""

    name: Literal["sgd"] = "sgd"
    learning_rate: PositiveFloat = 1e-2
    momentum: Beta = 0.0

    def build(self, parameters: Iterable[Parameter]) -> Optimizer:
        """torch.optim.SGD, fused."""
        return torch.optim.SGD(parameters, self.learning_rate, self.momentum, fused=True)


class Muon(OptimizerPart):
    """Momentum whose every matrix is made orthogonal before it is applied; Adam for vectors. Jordan et al. 2024, "Muon".

    What we do differently: kernels of convolutions are flattened to matrices, and the step is scaled by sqrt(max(M, N)) * 0.2,
    so that its size is that of an Adam step (Liu et al. 2025, arXiv:2502.16982, section 2.2).
    """

    name: Literal["muon"] = "muon"
    momentum: Beta = 0.95
    n_iterations: PositiveInt = 5

    def build(self, parameters: Iterable[Parameter]) -> Optimizer:
        """Our own: torch's takes matrices only."""
        return OrthogonalMomentum(parameters, self.learning_rate, self.momentum, self.n_iterations)


class Lion(OptimizerPart):
    """Every weight moved up or down by the learning rate, by a momentum's sign. Chen et al. 2023, arXiv:2302.06675, alg. 2.

    A move is as long as Adam's longest, so the authors advise a third to a tenth of Adam's learning rate (section 5): the
    default is a quarter of Adam's here.

    Attributes:
        beta1: share of the momentum in the sum whose sign is taken; the gradient has the rest.
        beta2: decay of the momentum itself.
    """

    name: Literal["lion"] = "lion"
    learning_rate: PositiveFloat = 5e-5
    beta1: Beta = 0.9
    beta2: Beta = 0.99
    weight_decay: NonNegativeFloat = 0.0

    def build(self, parameters: Iterable[Parameter]) -> Optimizer:
        """Our own: torch has none."""
        return SignMomentum(parameters, self.learning_rate, (self.beta1, self.beta2), self.weight_decay)


class Schedule(Settings):
    """A learning rate that stays for `hold` of the horizon and then falls in a line to `final` of itself.

    It depends on the step alone, so it needs no state. After the horizon it stays at `final`.

    Attributes:
        learning_rate: at the start.
        horizon: steps until the end of the fall; None never falls.
        hold: share of the horizon before the fall begins, in [0, 1].
        final: share of the learning rate that is left.
    """

    learning_rate: PositiveFloat
    horizon: PositiveInt | None = None
    hold: Annotated[float, Field(ge=0, le=1)] = 0.0
    final: Annotated[float, Field(ge=0, le=1)] = 0.0

    def at(self, step: int) -> float:
        """The learning rate of step `step`, from 0.

        >>> Schedule(learning_rate=1.0, horizon=100, hold=0.5).at(75)
        0.5
        """
        if self.horizon is None:
            return self.learning_rate
        start = self.hold * self.horizon
        fallen = min(max((step - start) / max(self.horizon - start, 1), 0), 1)
        return self.learning_rate * (1 - fallen * (1 - self.final))

    def set(self, optimizer: Optimizer, step: int) -> None:
        """Give the optimizer the learning rate of this step."""
        for group in optimizer.param_groups:
            group["lr"] = self.at(step)


OPTIMIZERS: Table[OptimizerPart] = Table(
    "optimizer",
    OptimizerPart,
    {"adam": Adam, "adamw": AdamW, "rmsprop": RMSProp, "sgd": SGD, "muon": Muon, "lion": Lion},
)
