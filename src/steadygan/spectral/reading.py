"""How a weight is read as a linear map: the matrix of its kernel, one way or the other, or the convolution itself."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from steadygan.spectral.maps import linear_map
from steadygan.spectral.matrix import CONVOLUTIONS, Weight
from steadygan.spectral.subspace import LinearMap, Stack


@dataclass(frozen=True)
class Reading:
    """A way of reading a weight.

    Attributes:
        suffix: ends the names of the buffers that hold its singular vectors.
        is_view: the map shares the memory of the weight, so that it may be kept while the weight is updated in place.
    """

    suffix: str = ""
    is_view: bool = False

    def of(self, weight: Weight, value: Tensor) -> LinearMap:
        """The map for a tensor of the weight's shape, differentiable in it."""
        raise NotImplementedError

    def sizes(self, weight: Weight) -> tuple[int, int, int]:
        """(G, M, N)."""
        raise NotImplementedError

    def stored(self, weight: Weight, value: Tensor) -> LinearMap:
        """The same map with the entries of its vectors in the order that suits the tensor's layout in memory."""
        return self.of(weight, value)

    def into(self, weight: Weight, basis: Tensor, value: Tensor) -> Tensor:
        """Right vectors [B, G * N] in that order."""
        return basis

    def out(self, weight: Weight, basis: Tensor, value: Tensor) -> Tensor:
        """Right vectors [B, G * N] back in the order of `of`."""
        return basis


@dataclass(frozen=True)
class Kernel(Reading):
    """The kernel as a matrix, output by all the rest."""

    is_view: bool = True

    def of(self, weight: Weight, value: Tensor) -> LinearMap:
        """A stack of G matrices."""
        return Stack(weight.matrices(value))

    def sizes(self, weight: Weight) -> tuple[int, int, int]:
        """(G, M, N)."""
        groups, rows, columns = weight.matrices(weight.value.detach()).shape
        return groups, rows, columns

    def stored(self, weight: Weight, value: Tensor) -> LinearMap:
        """The same matrix without a copy, its columns in the order of memory."""
        if channels_last(weight, value):
            return Stack(value.permute(0, 2, 3, 1).flatten(1).unsqueeze(0))
        return self.of(weight, value)

    def into(self, weight: Weight, basis: Tensor, value: Tensor) -> Tensor:
        """Entries [in, k, k] as [k, k, in]."""
        if not channels_last(weight, value):
            return basis
        return basis.view(-1, *value.shape[1:]).permute(0, 2, 3, 1).flatten(1)

    def out(self, weight: Weight, basis: Tensor, value: Tensor) -> Tensor:
        """Entries [k, k, in] as [in, k, k]."""
        if not channels_last(weight, value):
            return basis
        rows, columns = value.shape[2:]
        return basis.view(-1, rows, columns, value.shape[1]).permute(0, 3, 1, 2).flatten(1)


@dataclass(frozen=True)
class Sideways(Reading):
    """The kernel as a matrix the other way round, input by all the rest."""

    suffix: str = "2"

    def of(self, weight: Weight, value: Tensor) -> LinearMap:
        """A stack of G matrices."""
        return Stack(self.matrices(weight, value))

    def sizes(self, weight: Weight) -> tuple[int, int, int]:
        """(G, M, N)."""
        groups, rows, columns = self.matrices(weight, weight.value.detach()).shape
        return groups, rows, columns

    @staticmethod
    def matrices(weight: Weight, value: Tensor) -> Tensor:
        """The weight as [G, in, out * prod(k)]."""
        stacks = value.reshape(weight.blocks, -1, *value.shape[1:])
        return (stacks if weight.transposed else stacks.transpose(1, 2)).flatten(2)


@dataclass(frozen=True)
class Operator(Reading):
    """The convolution itself, between images of one size; Gouk et al. 2018, arXiv:1804.04368.

    Attributes:
        input_shape: of one sample at this layer, without the batch.
    """

    input_shape: tuple[int, ...] = ()

    def of(self, weight: Weight, value: Tensor) -> LinearMap:
        """The convolution, with its stride, padding, dilation and groups."""
        return linear_map(weight.layer, value, self.input_shape)

    def sizes(self, weight: Weight) -> tuple[int, int, int]:
        """(G, M, N)."""
        one = linear_map(weight.layer, weight.value.detach(), self.input_shape)
        return one.blocks, math.prod(one.output_shape) // one.blocks, math.prod(one.input_shape) // one.blocks


def channels_last(weight: Weight, value: Tensor) -> bool:
    """A kernel is laid out channels-last, and is one plain matrix."""
    if value.dim() != 4 or value.is_contiguous() or weight.blocks > 1 or weight.transposed:
        return False
    return value.is_contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def input_shapes(module: nn.Module, input_shape: tuple[int, ...]) -> dict[nn.Module, tuple[int, ...]]:
    """The shape, without the batch, in which each convolution gets its input when `module` is given zeros of `input_shape`."""
    found: dict[nn.Module, tuple[int, ...]] = {}

    def note(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        found[layer] = tuple(inputs[0].shape[1:])

    layers = [layer for layer in module.modules() if isinstance(layer, CONVOLUTIONS)]
    hooks = [layer.register_forward_pre_hook(note) for layer in layers]
    modes = [(layer, layer.training) for layer in module.modules()]
    like = next(module.parameters())
    try:
        module.eval()(like.new_zeros(1, *input_shape))
    finally:
        for hook in hooks:
            hook.remove()
        for layer, mode in modes:
            layer.training = mode
    return found


def readings_of(weight: Weight, both_ways: bool, shapes: dict[nn.Module, tuple[int, ...]]) -> list[Reading]:
    """The readings that the norm of a weight is taken of: the operator where `shapes` has its layer."""
    if weight.layer in shapes:
        return [Operator(input_shape=shapes[weight.layer])]
    return [Kernel(), Sideways()] if both_ways else [Kernel()]
