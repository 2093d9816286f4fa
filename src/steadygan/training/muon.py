"""Muon as a torch optimizer: momentum made orthogonal, over weights of any rank."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer


class OrthogonalMomentum(Optimizer):
    """Muon over weights of any rank: see `optimizers.Muon`."""

    def __init__(self, parameters: Iterable[Parameter], lr: float, momentum: float, n_iterations: int) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "n_iterations": n_iterations})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in (p for p in group["params"] if p.grad is not None):
                state = self.state[parameter]
                if not state:
                    state["momentum"], state["square"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
                direction = self._direction(parameter.grad, state, group)
                parameter.add_(direction, alpha=-group["lr"])

    def _direction(self, gradient: Tensor, state: dict[str, Tensor], group: dict[str, Any]) -> Tensor:
        momentum = state["momentum"].lerp_(gradient, 1 - group["momentum"])
        if gradient.ndim >= 2:
            ahead = gradient.lerp(momentum, group["momentum"])
            return orthogonal(ahead.flatten(1), group["n_iterations"]).view_as(gradient)
        square = state["square"].lerp_(gradient.square(), 0.01)
        return momentum / (square.sqrt() + 1e-8)


def orthogonal(matrix: Tensor, n: int) -> Tensor:
    """All singular values brought near 1 by n Newton-Schulz iterations, then scaled to an Adam step: [M, N] -> [M, N]."""
    tall = matrix.shape[0] > matrix.shape[1]
    x: Tensor = (matrix.T if tall else matrix) / matrix.norm().clamp_min(1e-7)
    for _ in range(n):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    turned: Tensor = x.T if tall else x
    return turned.mul(0.2 * max(matrix.shape) ** 0.5)
