"""Spectral normalization: every layer of a network divided by its largest singular value, all refreshed together.

Reads have no side effects. The vectors u and v move only in `SpectralNorm.refresh`, once per update of the weights; between two
refreshes real images, fake images, gradient penalties, the generator's step and an evaluation all see the very same weights.
"""

import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from torch.nn.utils import parametrize

from steadygan.errors import NetworkError
from steadygan.spectral.matrix import TRANSPOSED, groups_of, matrices, weight_layers
from steadygan.spectral.power import power_iteration, sigma

N_BURN_IN = 15


class NormalizedWeight(nn.Module):
    """Reads a weight as `coefficient * W / sigma`, with sigma = u'Wv differentiable in W and u, v constant.

    Miyato et al. 2018, arXiv:1802.05957, eqs. 8, 9 and 12. The gradient is that of torch's own parametrization.
    """

    u: Tensor  # [G, M]
    v: Tensor  # [G, N]

    def __init__(self, layer: nn.Module, name: str, coefficient: float) -> None:
        super().__init__()
        self.groups, self.transposed = groups_of(layer), isinstance(layer, TRANSPOSED)
        self.coefficient = coefficient
        weight = stored_weight(layer).detach()
        stack = self.matrices(weight)
        self.register_buffer("u", starting_vector(stack[:, :, 0], name))
        self.register_buffer("v", starting_vector(stack[:, 0, :], name + "/v"))
        self.refresh(weight, N_BURN_IN)

    def matrices(self, weight: Tensor) -> Tensor:
        """The weight as matrices in at least float32: -> [G, M, N]."""
        wide = weight if weight.dtype == torch.float64 else weight.float()
        return matrices(wide, self.groups, self.transposed)

    def sigma(self, weight: Tensor) -> Tensor:
        """The largest singular value over all groups, as far as u and v know it: -> scalar."""
        with full_precision(weight):
            estimates = sigma(self.matrices(weight), self.u, self.v)
        return estimates.amax() if self.groups > 1 else estimates.squeeze(0)

    def forward(self, weight: Tensor) -> Tensor:
        """The normalized weight, of the shape and type of `weight`; a zero weight stays zero."""
        estimate = self.sigma(weight)
        scale = self.coefficient / torch.where(estimate > 0, estimate, 1)
        return (weight * scale).to(weight.dtype)

    def right_inverse(self, weight: Tensor) -> Tensor:
        """What is stored when somebody assigns `layer.weight = weight`: the weight as it is."""
        return weight

    @torch.no_grad()
    def refresh(self, weight: Tensor, n: int) -> None:
        """Move u and v `n` power iterations on."""
        with full_precision(weight):
            u, v = power_iteration(self.matrices(weight), self.u, self.v, n)
        self.u.copy_(u)
        self.v.copy_(v)


class SpectralNorm:
    """The handle on all normalized layers of a network. Holds no state of its own: u and v are buffers of the network.

    Attributes:
        layers: name -> layer, in the network's order.
    """

    def __init__(self, layers: dict[str, nn.Module], n_power_iterations: int = 2) -> None:
        self.layers = layers
        self.n_power_iterations = n_power_iterations

    @classmethod
    def of(cls, module: nn.Module, n_power_iterations: int = 2) -> "SpectralNorm":
        """The handle on whatever is normalized in `module`, also after a copy or a load."""
        return cls({name: layer for name, layer in weight_layers(module) if normalization_of(layer)}, n_power_iterations)

    def refresh(self, n: int | None = None) -> None:
        """Move u and v of all layers by `n` power iterations. Call it once after each update of the weights."""
        for normalization, weight in self._pairs():
            normalization.refresh(weight, self.n_power_iterations if n is None else n)

    @property
    def sigma(self) -> dict[str, float]:
        """Layer name -> estimated largest singular value of the stored weight, before normalization."""
        with torch.no_grad():
            values = [normalization.sigma(weight) for normalization, weight in self._pairs()]
        return dict(zip(self.layers, torch.stack(values).tolist(), strict=True)) if values else {}

    @property
    def coefficient(self) -> dict[str, float]:
        """Layer name -> the value that its largest singular value is brought to."""
        return {name: pair[0].coefficient for name, pair in zip(self.layers, self._pairs(), strict=True)}

    def _pairs(self) -> Iterator[tuple[NormalizedWeight, Tensor]]:
        for layer in self.layers.values():
            normalization = normalization_of(layer)
            if normalization is not None:
                yield normalization, stored_weight(layer)


def spectral_norm(module: nn.Module, coefficient: float = 1.0, n_power_iterations: int = 2) -> SpectralNorm:
    """Normalize every linear, embedding, convolution and transposed convolution in `module`, in place.

    Args:
        module: any network; its parameters keep their identity, under `<layer>.parametrizations.weight.original`.
        coefficient: c in `c * W / sigma`, above 0. With c = 1 each layer is at most 1-Lipschitz as a matrix.
        n_power_iterations: iterations in each `refresh`.

    Returns:
        The handle: call `refresh()` after each update of the weights.

    Raises:
        NetworkError: there is no layer to normalize, or one is normalized already.

    >>> norm = spectral_norm(nn.Linear(8, 4))
    >>> list(norm.layers)
    ['']
    """
    layers = dict(weight_layers(module))
    if not layers:
        raise NetworkError("spectral norm: the network has no linear, embedding or convolution layer")
    if taken := [name for name, layer in layers.items() if parametrize.is_parametrized(layer, "weight")]:
        raise NetworkError(f"spectral norm: {taken[0]!r} is parametrized already", "remove that first; applying twice stacks")
    for name, layer in layers.items():
        parametrize.register_parametrization(layer, "weight", NormalizedWeight(layer, name, coefficient))
    return SpectralNorm(layers, n_power_iterations)


def remove_spectral_norm(module: nn.Module) -> None:
    """Make the normalized weights the plain weights of `module`, in place; parameters keep their identity."""
    for layer in SpectralNorm.of(module).layers.values():
        if len(cast(nn.ModuleDict, layer.parametrizations)) > 1:  # somebody parametrized the bias too
            parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
        else:
            remove_from(layer)


def remove_from(layer: nn.Module) -> None:
    """The same for one layer. Torch's own way deletes `weight` from a class that deep copies of the layer share."""
    weight = cast(Parameter, stored_weight(layer))
    weight.data = cast(Tensor, layer.weight).detach()
    del layer.parametrizations
    layer.__class__ = type(layer).__bases__[0]
    layer.register_parameter("weight", weight)


def normalization_of(layer: nn.Module) -> NormalizedWeight | None:
    """The normalization through which this very layer reads its weight, or None."""
    if not parametrize.is_parametrized(layer, "weight"):
        return None
    chain = cast(nn.ModuleDict, layer.parametrizations)["weight"]
    first = cast(parametrize.ParametrizationList, chain)[0]
    return first if isinstance(first, NormalizedWeight) else None


def stored_weight(layer: nn.Module) -> Tensor:
    """The weight as the optimizer sees it, before normalization."""
    if parametrize.is_parametrized(layer, "weight"):
        return cast(Tensor, cast(nn.ModuleDict, layer.parametrizations)["weight"].original)
    return cast(Tensor, layer.weight)


def full_precision(weight: Tensor) -> AbstractContextManager[object]:
    """Autocast switched off, where it is on: a norm in bfloat16 has two digits."""
    device = weight.device.type
    return torch.autocast(device, enabled=False) if torch.is_autocast_enabled(device) else nullcontext()


def starting_vector(like: Tensor, name: str) -> Tensor:
    """A random unit vector for each row, the same on every machine for the same layer name: [G, N] -> [G, N]."""
    random = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    vector = torch.randn(like.shape, generator=random, dtype=torch.float64)
    unit_vector: Tensor = vector / vector.norm(dim=1, keepdim=True)
    return unit_vector.to(like)
