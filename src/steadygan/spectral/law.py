"""The law by which a weight is normalized: a pure function of the stored weight, the singular vectors, coefficient and gain."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from steadygan.spectral.matrix import Weight
from steadygan.spectral.modes import Mode
from steadygan.spectral.reading import Reading
from steadygan.spectral.subspace import LinearMap, Stack, bilinear

SETTINGS = (bool, int, float, str, tuple, list, type(None))


@dataclass(frozen=True)
class Law:
    """How the norm of a weight is taken, and what is done with it.

    Attributes:
        weight: which weight of which layer.
        mode: what it is multiplied by, given its norm.
        readings: the linear maps that its norm is taken of.
    """

    weight: Weight
    mode: Mode
    readings: tuple[Reading, ...]

    def alone(self) -> "Law":
        """The same law, of a layer that has its settings but no tensors: a graph that held the layer would never be freed."""
        layer: nn.Module = object.__new__(type(self.weight.layer))
        nn.Module.__init__(layer)
        vars(layer).update({key: value for key, value in vars(self.weight.layer).items() if isinstance(value, SETTINGS)})
        return replace(self, weight=replace(self.weight, layer=layer))

    def norm(self, sigmas: Sequence[Tensor]) -> Tensor:
        """The norm of the weight from those of its blocks in each reading: scalar, or [3] where the blocks are apart."""
        if self.weight.apart:
            return sigmas[0]
        if self.weight.blocks == len(sigmas) == 1:
            return sigmas[0].squeeze(0)
        largest = [sigma.amax() if len(sigma) > 1 else sigma.squeeze(0) for sigma in sigmas]
        return largest[0] if len(largest) == 1 else torch.stack(largest).mean()

    def factor(self, sigma: Tensor, coefficient: Tensor) -> Tensor:
        """What the weight is multiplied by."""
        return torch.ones_like(sigma) if self.mode.factor is None else self.mode.factor(sigma, coefficient)

    def scaled(self, raw: Tensor, factor: Tensor, gain: Tensor | None) -> Tensor:
        """The weight times its factor and gain, in its own type."""
        by = factor if gain is None else factor * gain
        if self.weight.apart:
            shape = (self.weight.blocks, -1, *[1] * (raw.dim() - 1))
            by = by.reshape(shape).expand(-1, len(raw) // self.weight.blocks, *[-1] * (raw.dim() - 1)).flatten(0, 1)
        return (wide(raw) * by).to(raw.dtype)

    def formula(
        self, raw: Tensor, us: Sequence[Tensor], vs: Sequence[Tensor], gain: Tensor | None, coefficient: Tensor
    ) -> Tensor:
        """The normalized weight as a differentiable function of the stored one, u and v constant."""
        with full_precision(raw):
            full = wide(raw)  # once, so that both its gradients are added up in full precision
            maps = [reading.of(self.weight, full) for reading in self.readings]
            sigmas = [norm_of(one, u, v) for one, u, v in zip(maps, us, vs, strict=True)]
            return self.scaled(full, self.factor(self.norm(sigmas), coefficient), gain).to(raw.dtype)

    def canonical(self, vs: Sequence[Tensor], raw: Tensor) -> list[Tensor]:
        """Right vectors in the order of `of` again, whatever the layout of the weight."""
        pairs = zip(self.readings, vs, strict=True)
        return [reading.out(self.weight, v.unsqueeze(0), raw).squeeze(0) for reading, v in pairs]


def is_recorded() -> bool:
    """What is called now is compiled, exported or traced: it must be a function of parameters and buffers alone."""
    return torch.compiler.is_compiling() or torch._C._is_tracing()


def norm_of(one: LinearMap, u: Tensor, v: Tensor) -> Tensor:
    """u'Wv of each block: [G * M], [G * N] -> [G]. In recorded code without a matrix product, whose gradient, a product of a
    column with a row, no compiler would merge with the division's."""
    if isinstance(one, Stack) and is_recorded():
        matrices = one.matrices.view(one.blocks, *one.matrices.shape[-2:])
        return ((matrices * v.view(one.blocks, 1, -1)).sum(2) * u.view(one.blocks, -1)).sum(1)
    return bilinear(one, u, v)


def wide(raw: Tensor) -> Tensor:
    """A weight in at least float32: a norm in bfloat16 has two digits."""
    return raw if raw.dtype in (torch.float32, torch.float64) else raw.float()


def full_precision(tensor: Tensor) -> AbstractContextManager[Any]:
    """Autocast switched off, where it is on."""
    device = tensor.device.type
    return torch.autocast(device, enabled=False) if torch.is_autocast_enabled(device) else nullcontext()
