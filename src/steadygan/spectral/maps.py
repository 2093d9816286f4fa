"""Layers as linear maps between their inputs and outputs: x -> A(W) x without bias, its adjoint, and the gradient in W.

The norm of a convolution as a map between images is not that of its reshaped kernel, nor bounded by it on either side: it depends
on stride, padding and the size of the input. Both directions cost one convolution each, as in Gouk et al. 2018, arXiv:1804.04368.
All functions are differentiable, in the weight too, to any order, and work in every type and on every device that the layer does.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from steadygan.errors import NetworkError
from steadygan.spectral.axes import Axis, axes_of
from steadygan.spectral.matrix import CONVOLUTIONS, TRANSPOSED

CONVOLVE: dict[int, Callable[..., Tensor]] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSE: dict[int, Callable[..., Tensor]] = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
WEIGHT_GRADIENT: dict[int, Callable[..., Tensor]] = {
    1: nn.grad.conv1d_weight,
    2: nn.grad.conv2d_weight,
    3: nn.grad.conv3d_weight,
}


class LayerMap(Protocol):
    """The linear map of a layer for one weight, on rows: images [C, *sizes] flattened, the channels of each group side by side.

    Attributes:
        input_shape, output_shape: of one sample, without the batch dimension.
        blocks: G, the groups: the map is block diagonal, with G blocks of equal size.
    """

    @property
    def input_shape(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def output_shape(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def blocks(self) -> int: ...  # noqa: D102

    def apply(self, x: Tensor) -> Tensor:
        """A x: rows [B, N], or [B, *input_shape], -> rows [B, M]."""

    def adjoint(self, y: Tensor) -> Tensor:
        """A' y: rows [B, M], or [B, *output_shape], -> rows [B, N]."""

    def gradient(self, x: Tensor, y: Tensor) -> Tensor:
        """The gradient of <y, A(W) x> in W, summed over the batch: rows [B, N], rows [B, M] -> the weight's shape."""


def linear_map(layer: nn.Module, weight: Tensor, input_shape: Sequence[int]) -> LayerMap:
    """What a linear layer, a convolution or a transposed convolution does to inputs of one size, its bias left out.

    Of the layer it reads settings only, never its weight; a class that overrides `forward` is taken for its base class.

    Args:
        layer: Linear, Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d or ConvTranspose3d.
        weight: of the shape of the layer's own.
        input_shape: of one sample, without the batch: (C, *sizes), for a linear layer (*, in_features).

    Raises:
        NetworkError: another kind of layer, or a shape that does not fit it.

    >>> conv = nn.Conv2d(3, 8, 3, padding=1)
    >>> linear_map(conv, conv.weight, (3, 6, 6)).apply(torch.zeros(2, 3, 6, 6)).shape
    torch.Size([2, 288])
    """
    if isinstance(layer, nn.Linear):
        if not input_shape or input_shape[-1] != layer.in_features:
            raise NetworkError(
                f"{type(layer).__name__}: input_shape must end with {layer.in_features}, got {tuple(input_shape)}"
            )
        return Rowwise(weight, tuple(input_shape))
    if not isinstance(layer, CONVOLUTIONS):
        raise NetworkError(
            f"{type(layer).__name__}: not known as a linear map", "known are Linear, Conv1d-3d and ConvTranspose1d-3d"
        )
    convolution = Convolution(weight, axes_of(layer, input_shape), layer.groups)
    return Adjoint(convolution) if isinstance(layer, TRANSPOSED) else convolution


@dataclass(frozen=True)
class Rowwise:
    """A matrix [M, N] applied to the last dimension."""

    weight: Tensor
    input_shape: tuple[int, ...]
    blocks: int = 1

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The input's, but for the last dimension."""
        return (*self.input_shape[:-1], len(self.weight))

    def apply(self, x: Tensor) -> Tensor:
        """A x."""
        return (x.reshape(-1, *self.input_shape) @ self.weight.mT).flatten(1)

    def adjoint(self, y: Tensor) -> Tensor:
        """A' y."""
        return (y.reshape(-1, *self.output_shape) @ self.weight).flatten(1)

    def gradient(self, x: Tensor, y: Tensor) -> Tensor:
        """The sum of the outer products y x'."""
        return y.reshape(-1, self.weight.shape[0]).mT @ x.reshape(-1, self.weight.shape[1])


@dataclass(frozen=True)
class Convolution:
    """A convolution with a kernel [out, in / G, *k]."""

    weight: Tensor
    axes: tuple[Axis, ...]
    blocks: int

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(C, *sizes)."""
        return (self.weight.shape[1] * self.blocks, *(axis.size for axis in self.axes))

    @property
    def output_shape(self) -> tuple[int, ...]:
        """(C, *sizes)."""
        return (self.weight.shape[0], *(axis.outputs for axis in self.axes))

    def apply(self, x: Tensor) -> Tensor:
        """A x."""
        outer, inner = self._paddings()
        y = CONVOLVE[len(self.axes)](
            self._padded(x, outer), self.weight, None, self._strides, inner, self._dilations, self.blocks
        )
        return self._with_idle(y, -1).flatten(1)

    def adjoint(self, y: Tensor) -> Tensor:
        """A' y."""
        outer, inner = self._paddings()
        y = self._with_idle(y.reshape(-1, *self.output_shape), 1)
        unread = tuple((axis.room - 1) % axis.stride for axis in self.axes)
        transpose = TRANSPOSE[len(self.axes)]
        x = transpose(y, self.weight, None, self._strides, inner, unread, self.blocks, self._dilations)
        return folded(x, self.axes).flatten(1) if outer else x.flatten(1)

    def gradient(self, x: Tensor, y: Tensor) -> Tensor:
        """The correlation of x with y."""
        outer, inner = self._paddings()
        y = self._with_idle(y.reshape(-1, *self.output_shape), 1)
        gradient = WEIGHT_GRADIENT[len(self.axes)]
        shape = self.weight.shape
        return gradient(self._padded(x, outer), shape, y, self._strides, inner, self._dilations, self.blocks)

    @property
    def _strides(self) -> tuple[int, ...]:
        return tuple(axis.stride for axis in self.axes)

    @property
    def _dilations(self) -> tuple[int, ...]:
        return tuple(axis.dilation for axis in self.axes)

    def _paddings(self) -> tuple[bool, tuple[int, ...]]:
        """Whether the input is padded before the convolution, and what zeros the convolution adds by itself."""
        outer = any(axis.left != axis.right or (axis.mode != "zeros" and axis.left > 0) for axis in self.axes)
        return outer, tuple(0 if outer else axis.left for axis in self.axes)

    def _padded(self, x: Tensor, outer: bool) -> Tensor:
        x = x.reshape(-1, *self.input_shape)
        mode = self.axes[0].mode.replace("zeros", "constant")
        return F.pad(x, [side for axis in reversed(self.axes) for side in (axis.left, axis.right)], mode) if outer else x

    def _with_idle(self, y: Tensor, sign: int) -> Tensor:
        """Outputs with the idle ones added as zeros (sign 1) or cut off (-1)."""
        return F.pad(y, [side for axis in reversed(self.axes) for side in (0, sign * axis.idle)]) if self._any_idle else y

    @property
    def _any_idle(self) -> bool:
        return any(axis.idle for axis in self.axes)


@dataclass(frozen=True)
class Adjoint:
    """The adjoint of a map: a transposed convolution is one."""

    of: LayerMap

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The other's output shape."""
        return self.of.output_shape

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The other's input shape."""
        return self.of.input_shape

    @property
    def blocks(self) -> int:
        """G."""
        return self.of.blocks

    def apply(self, x: Tensor) -> Tensor:
        """A' x."""
        return self.of.adjoint(x)

    def adjoint(self, y: Tensor) -> Tensor:
        """A y."""
        return self.of.apply(y)

    def gradient(self, x: Tensor, y: Tensor) -> Tensor:
        """The gradient of <y, A' x> = <A y, x>."""
        return self.of.gradient(y, x)


def smaller_side(one: LayerMap) -> LayerMap:
    """The map or its adjoint, whichever has the smaller input: both have the same singular values."""
    return one if math.prod(one.input_shape) <= math.prod(one.output_shape) else Adjoint(one)


def folded(padded: Tensor, axes: Sequence[Axis]) -> Tensor:
    """The adjoint of padding: each padded pixel is added to the one that it copies: [B, C, *padded sizes] -> [B, C, *sizes]."""
    for dimension, axis in enumerate(axes, start=2):
        low, middle, high = padded.split([axis.left, axis.size, axis.right], dimension)
        padded = middle if axis.mode == "zeros" else middle + spread(low, axis, dimension, 0) + spread(high, axis, dimension, 1)
    return padded


def spread(margin: Tensor, axis: Axis, dimension: int, end: int) -> Tensor | int:
    """A margin of the padding, on the left (end 0) or right (1), at the pixels that it copies, with zeros elsewhere."""
    width = margin.shape[dimension]
    if width == 0:
        return 0
    if axis.mode == "replicate":
        margin, width = margin.sum(dimension, keepdim=True), 1
    elif axis.mode == "reflect":
        margin = margin.flip(dimension)
    near = 1 if axis.mode == "reflect" else 0
    before_left, before_right = (axis.size - width, 0) if axis.mode == "circular" else (near, axis.size - near - width)
    before = before_right if end else before_left
    sides = [0, 0] * (margin.dim() - 1 - dimension) + [before, axis.size - before - width]
    return cast(Tensor, F.pad(margin, sides))
