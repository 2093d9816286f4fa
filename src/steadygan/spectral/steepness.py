"""How steep a network is at the steepest of some inputs: a lower bound of its Lipschitz constant."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

ROUNDS = 3  # of looking for something steeper nearby
ITERATIONS = 4  # of power iteration on the Jacobian of a network with several outputs
ROUNDING = 16  # units in the last place that a gradient may be too long
SEED = 20180216

Function = Callable[[Tensor], Tensor]  # images [n, ...] -> [n, O], each row of its own image alone


def steepest(function: Function, images: Tensor) -> float:
    """The largest local slope that is found from `images` [n, ...] on, less what rounding may have added.

    What is found at an input is |J'w| for a unit vector w, which is never above the norm of the Jacobian J there.
    """
    random = torch.Generator().manual_seed(SEED)
    best = local_slopes(function, images, random)
    for number in range(ROUNDS):
        noise = torch.randn(images.shape, generator=random).to(images) * 0.3**number
        moved = local_slopes(function, images + noise, random)
        better = moved > best
        images = torch.where(better.reshape(-1, *[1] * (images.dim() - 1)), images + noise, images)
        best = torch.where(better, moved, best)
    largest = float(best.nan_to_num(0.0, 0.0).amax())
    return largest * max(0.0, 1 - ROUNDING * torch.finfo(images.dtype).eps)


def local_slopes(function: Function, images: Tensor, random: torch.Generator) -> Tensor:
    """A lower bound of the norm of the Jacobian at each image: [n, ...] -> [n]."""
    images = images.detach().requires_grad_(True)
    outputs = function(images.clone())  # which may be changed in place
    if not outputs.requires_grad:
        return torch.zeros(len(images))
    directions = unit(torch.randn(outputs.shape, generator=random).to(outputs))
    for _ in range(ITERATIONS if outputs.shape[1] > 1 else 0):
        directions = directions.requires_grad_(True)
        (pulled,) = torch.autograd.grad(outputs, images, directions, create_graph=True)  # J'w
        if not pulled.requires_grad:
            break
        (pushed,) = torch.autograd.grad(pulled, directions, unit(pulled.detach()), retain_graph=True)  # J v
        directions = unit(pushed)
    (pulled,) = torch.autograd.grad(outputs, images, directions.detach())
    lengths: Tensor = torch.linalg.vector_norm(pulled.flatten(1).double(), dim=1)
    return lengths.cpu()


def unit(rows: Tensor) -> Tensor:
    """Each row, of any shape, at length 1."""
    lengths = rows.flatten(1).norm(dim=1).reshape(-1, *[1] * (rows.dim() - 1))
    return rows / torch.where(lengths > 0, lengths, 1)


def sampled(shape: tuple[int, ...], n: int, like: Tensor) -> Tensor:
    """Images to start from, the same at each call: half of them uniform in [-1, 1], half standard normal: -> [n, *shape]."""
    random = torch.Generator().manual_seed(SEED)
    uniform = torch.rand(n - n // 2, *shape, generator=random) * 2 - 1
    return torch.cat([uniform, torch.randn(n // 2, *shape, generator=random)]).to(like)


class Work(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the multiplications of what runs within it, as far as they are in matrix products and convolutions."""

    total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run the operation and count."""
        out = func(*args, **(kwargs or {}))
        if (count := flop_registry.get(func._overloadpacket)) is not None:
            self.total += count(*args, **(kwargs or {}), out_val=out) // 2
        return out
