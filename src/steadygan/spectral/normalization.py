"""Spectral normalization of a network: every layer divided by its largest singular value, all refreshed together.

One refresh for each update of the weights. Between two refreshes real images, fake images, gradient penalties, the generator's
step, recomputed activations and an evaluation all see the very same weights.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from steadygan.errors import NetworkError
from steadygan.spectral.advance import Until
from steadygan.spectral.group import Group, Iterations
from steadygan.spectral.law import wide
from steadygan.spectral.layer import Normalized, attach, detach
from steadygan.spectral.matrix import Weight, weights
from steadygan.spectral.modes import MODES, Mode
from steadygan.spectral.normalized import NormalizedWeight
from steadygan.spectral.reading import input_shapes, readings_of
from steadygan.spectral.subspace import WIDTH
from steadygan.spectral.vectors import starting_vectors

UNTIL = Until()

Chosen = str | Sequence[str] | Callable[[str, nn.Module], bool]


class SpectralNorm:
    """The handle on the normalized weights of a network. Holds no state of its own: u and v are buffers of the network.

    Attributes:
        layers: layer name -> layer, in the network's order.
        weights: all normalized weights, in the network's order.
    """

    def __init__(self, module: nn.Module) -> None:
        named = [(name, layer) for name, layer in module.named_modules() if isinstance(layer, Normalized)]
        self.layers: dict[str, nn.Module] = dict(named)
        found = dict.fromkeys(one for _, layer in named for one in layer._normalized.values())
        self.weights: list[NormalizedWeight] = list(found)
        groups = dict.fromkeys(one.group for one in self.weights)
        self._groups = {group: [one for one in self.weights if one.group is group] for group in groups}

    @classmethod
    def of(cls, module: nn.Module) -> "SpectralNorm":
        """The handle on whatever is normalized in `module`, also after a copy or a load; without layers if nothing is."""
        return cls(module)

    def refresh(self, n: int | None = None) -> None:
        """Bring u and v of all layers up to date with the weights, by `n` iterations, or as many as were asked for.

        Call it once after each update of the weights where that is not noticed by itself: with `automatic=False`.
        """
        check_iterations(n)
        for group, chosen in self._groups.items():
            group.refresh(None if len(chosen) == len(group.weights) else chosen, n)

    @property
    def sigma(self) -> dict[str, float]:
        """Name -> norm of the stored weight, before normalization, as the normalization knows it. Copies once to the host."""
        return self._numbers(lambda one: self._known(one).sigma)

    @property
    def residual(self) -> dict[str, float]:
        """Name -> |W'u - sigma v| / sigma that the last refresh found on its way: near 0, sigma is a singular value.

        It tells how far the latest update turned the singular vectors; NaN before the first refresh after a load or a copy.
        """
        return self._numbers(lambda one: torch.tensor(torch.nan) if one.residual is None else worst(one))

    @property
    def coefficient(self) -> dict[str, float]:
        """Name -> what the norm is brought to."""
        return self._numbers(lambda one: one.coefficient)

    def set_coefficient(self, value: float) -> None:
        """Bring all norms to `value` from the next read on."""
        check_coefficient(value)
        for one in self.weights:
            one.set_coefficient(value)

    def _known(self, one: NormalizedWeight) -> Any:
        return one.known or one.know_buffers()

    def _numbers(self, number: Callable[[NormalizedWeight], Tensor]) -> dict[str, float]:
        rows = [number(one).detach().float().expand(len(one.weight.labels)) for one in self.weights]
        labels = [label for one in self.weights for label in one.weight.labels]
        return dict(zip(labels, torch.cat([row.cpu() for row in rows]).tolist(), strict=True)) if rows else {}


def worst(one: NormalizedWeight) -> Tensor:
    """The residual of a weight: [3] where its blocks are apart, else the largest of all."""
    assert one.residual is not None
    return one.residual if one.weight.apart else one.residual.amax()


def spectral_norm(
    module: nn.Module,
    coefficient: float = 1.0,
    *,
    n_power_iterations: Iterations = UNTIL,
    mode: str = "hard",
    norm: Literal["matrix", "operator"] = "matrix",
    include: Chosen = "*",
    exclude: Chosen = (),
    automatic: bool = True,
    input_shape: tuple[int, ...] | None = None,
) -> SpectralNorm:
    """Normalize the weights of `module`, in place: linear, bilinear, embedding, (transposed) convolution and attention layers.

    Args:
        module: any network. Its parameters keep their identity and their names; `layer.weight` reads as normalized.
        coefficient: c in `c * W / sigma`, above 0. With c = 1 each layer is at most 1-Lipschitz as a matrix.
        n_power_iterations: of each refresh: a number, a function of the number of refreshes so far, or `Until` a residual.
        mode: `hard`, `soft`, `gain`, `initial`, `bidirectional` or `measure`; see `MODES`.
        norm: of the `matrix` of a convolution's kernel, or of the convolution as an `operator` between images.
        include, exclude: which weights, by name: a pattern as `blocks.*`, several, or a function of (name, layer).
        automatic: refresh after each optimizer's step on these weights, and when a forward pass finds them changed otherwise.
        input_shape: of one sample of the network, as (C, H, W); needed for the operator norm, which depends on it.

    Returns:
        The handle.

    Raises:
        NetworkError: nothing to normalize; a weight that has one dimension, is normalized already, or does not exist yet.

    >>> norm = spectral_norm(nn.Linear(8, 4))
    >>> list(norm.sigma)
    ['']
    """
    law = mode_named(mode)
    check_coefficient(coefficient)
    check_iterations(n_power_iterations)
    shapes = shapes_for(module, norm, law, input_shape)
    chosen = [weight for weight in weights(module) if picks(include, weight) and not picks(exclude, weight)]
    refuse(module, chosen, include)
    group = Group(n_power_iterations, automatic)
    shared: dict[int, NormalizedWeight] = {}
    for weight in chosen:
        raw = cast(Tensor, weight.layer._parameters[weight.parameter])
        if id(raw) not in shared:
            shared[id(raw)] = NormalizedWeight(weight, law, readings_of(weight, law.both_ways, shapes), group)
            prepare(shared[id(raw)], coefficient)
        attach(weight.layer, weight.parameter, shared[id(raw)])
    group.refresh()
    if law.keeps_initial:
        for one in group.weights:
            keep_initial(one)
    return SpectralNorm(module)


def check_coefficient(value: float) -> None:
    """Raise unless it is a bound."""
    if not value > 0:
        raise NetworkError(f"spectral norm: the coefficient must be above 0, got {value}", "1 is usual")


def check_iterations(count: Iterations | None) -> None:
    """Raise for a number of iterations that finds nothing."""
    if isinstance(count, int) and count < 1:
        hint = "leave the network without automatic refreshes, if that is the wish: automatic=False"
        raise NetworkError(f"spectral norm: n_power_iterations must be at least 1, got {count}", hint)


def mode_named(mode: str) -> Mode:
    """The mode of that name."""
    if mode not in MODES:
        raise NetworkError(f"spectral norm: there is no mode {mode!r}", f"one of {', '.join(MODES)}")
    return MODES[mode]


def shapes_for(
    module: nn.Module, norm: str, law: Mode, input_shape: tuple[int, ...] | None
) -> dict[nn.Module, tuple[int, ...]]:
    """The input shapes of the convolutions whose operator norm is asked for; none for the matrix norm."""
    if norm == "matrix":
        return {}
    if norm != "operator":
        raise NetworkError(f"spectral norm: there is no norm {norm!r}", "one of matrix, operator")
    if input_shape is None:
        raise NetworkError("spectral norm: the operator norm depends on the size of the images", "pass input_shape=(C, H, W)")
    if law.both_ways:
        raise NetworkError("spectral norm: the bidirectional mode is the mean of two matrix norms", "leave norm as it is")
    return input_shapes(module, tuple(input_shape))


def picks(chosen: Chosen, weight: Weight) -> bool:
    """Whether patterns or a function choose a weight."""
    if callable(chosen):
        return chosen(weight.name, weight.layer)
    return any(fnmatchcase(weight.name, pattern) for pattern in ([chosen] if isinstance(chosen, str) else chosen))


def refuse(module: nn.Module, chosen: Sequence[Weight], include: Chosen) -> None:
    """Raise for what cannot be normalized."""
    if not chosen:
        for name, layer in module.named_modules():
            if include != "*" and is_flat(layer) and picks(include, Weight(name, layer)):
                hint = "name linear, embedding, convolution or attention layers"
                raise NetworkError(f"spectral norm: the weight of {name!r} has one dimension, so no singular values", hint)
        raise NetworkError("spectral norm: the network has no linear, embedding or convolution layer that is chosen")
    for weight in chosen:
        if (reason := obstacle(weight)) is not None:
            raise NetworkError(f"spectral norm: {weight.name!r} {reason[0]}", reason[1])


def obstacle(weight: Weight) -> tuple[str, str] | None:
    """Why a weight cannot be normalized, and what to do; None where it can."""
    layer, raw = weight.layer, weight.layer._parameters.get(weight.parameter)
    if raw is None or isinstance(layer, Normalized) or parametrize.is_parametrized(layer, weight.parameter):
        return "is normalized or parametrized already", "remove that first; applying twice stacks"
    if nn.parameter.is_lazy(raw):
        return "has no weight yet", "pass one batch through the lazy layer first"
    if raw.is_meta:
        return "has no values yet", "move the network from the meta device to another one and initialize it first"
    if getattr(layer, "sparse", False):
        return "has sparse gradients, but a normalized weight depends on all entries", "build the embedding with sparse=False"
    if getattr(layer, "max_norm", None) is not None:
        return "rewrites its weight in each pass", "build the embedding without max_norm"
    return None


def is_flat(layer: nn.Module) -> bool:
    """The layer's weight is a vector."""
    weight = layer._parameters.get("weight")
    return weight is not None and weight.dim() < 2


def prepare(one: NormalizedWeight, coefficient: float) -> None:
    """Put the buffers of one weight on its layer."""
    layer, parameter, raw = one.weight.layer, one.weight.parameter, wide(one.raw.detach())
    for reading in one.readings:
        groups, rows, columns = reading.sizes(one.weight)
        layer.register_buffer(f"{parameter}_u{reading.suffix}", starting_vectors(groups, 1, rows, one.name).to(raw).squeeze(0))
        layer.register_buffer(
            f"{parameter}_v{reading.suffix}", starting_vectors(groups, WIDTH, columns, one.name + "/v").to(raw)
        )
    layer.register_buffer(f"{parameter}_coefficient", raw.new_tensor(coefficient))
    if one.mode.learnable:
        layer.register_parameter(f"{parameter}_gain", nn.Parameter(raw.new_ones(())))


def keep_initial(one: NormalizedWeight) -> None:
    """Make the norm that a weight has now its coefficient."""
    assert one.known is not None
    one.weight.layer._buffers[f"{one.weight.parameter}_coefficient"] = one.known.sigma.clone()
    one.known = one.value = None


def remove_spectral_norm(module: nn.Module) -> None:
    """Make the normalized weights the plain weights of `module`, in place; parameters keep their identity.

    Raises:
        NetworkError: a layer outside `module` shares a weight with one inside.
    """
    norm = SpectralNorm(module)
    held = Counter(one for layer in cast(list[Normalized], norm.layers.values()) for one in layer._normalized.values())
    for one, count in held.items():
        if count < one.holders:
            hint = "remove normalization from the network that has both"
            raise NetworkError(f"spectral norm: {one.name!r} shares its weight with a layer outside", hint)
    if any(one.written for one in norm.weights):
        norm.refresh()
    layers = list(norm.layers.values())
    values = {id(one.raw): (one, one.read().detach().clone()) for one in norm.weights}
    for one, value in values.values():
        with torch.no_grad():
            one.raw.copy_(value)
    for layer in cast(list[Normalized], layers):
        detach(layer)
