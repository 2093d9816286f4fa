"""Layers as linear maps between their inputs and outputs: x -> A(W) x without bias, its adjoint, and the gradient in W.

The norm of a convolution as a map between images is not that of its reshaped kernel, nor is one a bound of the other: it
depends on stride, padding and the size of the input. Each direction costs one convolution, as in Gouk et al. 2018,
arXiv:1804.04368, is differentiable in the weight to any order, and works in every type and on every device that the layer does.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.grad import conv1d_weight, conv2d_weight, conv3d_weight

from steadygan.errors import NetworkError
from steadygan.spectral.axes import Axis, axes_of
from steadygan.spectral.matrix import CONVOLUTIONS, TRANSPOSED

CONVOLVE: dict[int, Callable[..., Tensor]] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSE: dict[int, Callable[..., Tensor]] = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
WEIGHT_GRADIENT: dict[int, Callable[..., Tensor]] = {1: conv1d_weight, 2: conv2d_weight, 3: conv3d_weight}


class LayerMap(Protocol):
    """The linear map of a layer for one weight, on rows: images [C, *sizes] flattened, the channels of a group side by side."""

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of one sample, without the batch dimension."""

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Of one sample, without the batch dimension."""

    @property
    def blocks(self) -> int:
        """G, the groups: the map is block diagonal, with G blocks of one size."""

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
            problem = f"{type(layer).__name__}: input_shape must end with {layer.in_features}, got {tuple(input_shape)}"
            raise NetworkError(problem, "leave out the batch dimension")
        return Rowwise(weight, tuple(input_shape))
    if not isinstance(layer, CONVOLUTIONS):
        known = "known are Linear, Conv1d-3d and ConvTranspose1d-3d"
        raise NetworkError(f"{type(layer).__name__}: not known as a linear map", known)
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
    """A convolution with a kernel [out, in / G, *k], written without reversal, as torch does."""

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
        y = CONVOLVE[len(self.axes)](self._padded(x), self.weight, **self._settings)
        return self._with_idle(y, -1).flatten(1)

    def adjoint(self, y: Tensor) -> Tensor:
        """A' y."""
        y = self._with_idle(y.reshape(-1, *self.output_shape), 1)
        unread = tuple((axis.room - 1) % axis.stride for axis in self.axes)
        x = TRANSPOSE[len(self.axes)](y, self.weight, output_padding=unread, **self._settings)
        return (folded(x, self.axes) if self._pads_before else x).flatten(1)

    def gradient(self, x: Tensor, y: Tensor) -> Tensor:
        """The correlation of x with y."""
        y = self._with_idle(y.reshape(-1, *self.output_shape), 1)
        return WEIGHT_GRADIENT[len(self.axes)](self._padded(x), self.weight.shape, y, **self._settings)

    @property
    def _pads_before(self) -> bool:
        """The padding is more than the same number of zeros on either side, which torch's convolution adds by itself."""
        return any(axis.left != axis.right or (axis.left > 0 and axis.mode != "zeros") for axis in self.axes)

    @property
    def _settings(self) -> dict[str, Any]:
        return {
            "stride": tuple(axis.stride for axis in self.axes),
            "padding": tuple(0 if self._pads_before else axis.left for axis in self.axes),
            "dilation": tuple(axis.dilation for axis in self.axes),
            "groups": self.blocks,
        }

    def _padded(self, x: Tensor) -> Tensor:
        x = x.reshape(-1, *self.input_shape)
        if not self._pads_before:
            return x
        mode = self.axes[0].mode.replace("zeros", "constant")
        return F.pad(x, [side for axis in reversed(self.axes) for side in (axis.left, axis.right)], mode)

    def _with_idle(self, y: Tensor, sign: int) -> Tensor:
        """Outputs with the idle ones added as zeros (sign 1), or cut off (-1)."""
        if not any(axis.idle for axis in self.axes):
            return y
        return F.pad(y, [side for axis in reversed(self.axes) for side in (0, sign * axis.idle)])


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
    """The adjoint of padding, each padded pixel added to the one that it copies: [B, C, *padded] -> [B, C, *sizes]."""
    for dimension, axis in enumerate(axes, start=2):
        low, middle, high = torch.split(padded, [axis.left, axis.size, axis.right], dimension)
        if axis.mode != "zeros":
            middle = middle + placed(low, axis, dimension, before=True) + placed(high, axis, dimension, before=False)
        padded = middle
    return padded


def placed(margin: Tensor, axis: Axis, dimension: int, before: bool) -> Tensor:
    """A margin of the padding, before or behind the image, at the pixels that it copies, with zeros elsewhere."""
    if axis.mode == "replicate":
        margin = margin.sum(dimension, keepdim=True)
    elif axis.mode == "reflect":
        margin = margin.flip(dimension)
    width = margin.shape[dimension]
    skipped = 1 if axis.mode == "reflect" else 0  # reflection leaves out the pixel at the border
    at_start = before != (axis.mode == "circular")
    start = skipped if at_start else axis.size - skipped - width
    later = [0, 0] * (margin.dim() - 1 - dimension)
    return F.pad(margin, [*later, start, axis.size - start - width])
