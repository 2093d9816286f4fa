"""Lion as a torch optimizer: the sign of a momentum."""

from collections.abc import Iterable
from typing import Any

import torch
from torch.nn import Parameter
from torch.optim import Optimizer


class SignMomentum(Optimizer):
    """Lion: see `optimizers.Lion`.

    Its settings are not called `betas`, because they are not Adam's: a move repeats far less of the last one than beta1 says.
    """

    def __init__(self, parameters: Iterable[Parameter], lr: float, betas: tuple[float, float], weight_decay: float) -> None:
        super().__init__(parameters, {"lr": lr, "beta1": betas[0], "beta2": betas[1], "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in (p for p in group["params"] if p.grad is not None):
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter)
                momentum, gradient = state["momentum"], parameter.grad
                ahead = momentum.lerp(gradient, 1 - group["beta1"])
                direction = ahead.sign() + 0 * ahead  # torch's sign of NaN is 0, which would stop a weight without a word
                parameter.mul_(1 - group["lr"] * group["weight_decay"]).add_(direction, alpha=-group["lr"])
                momentum.lerp_(gradient, 1 - group["beta2"])
