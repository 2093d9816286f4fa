"""The geometry of a convolution along each of its dimensions: which input pixel each tap of each output reads.

A transposed convolution is the adjoint of a convolution, and has that one's geometry, from its own output back to its input.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from steadygan.errors import NetworkError
from steadygan.spectral.matrix import TRANSPOSED


@dataclass(frozen=True)
class Axis:
    """One dimension of a convolution, all in pixels.

    Attributes:
        size: of the input, before padding.
        kernel: number of taps.
        stride: between the places of two outputs.
        dilation: between two taps.
        left, right: padding.
        mode: of the padding: `zeros`, `circular`, `reflect` or `replicate`.
        outputs: how many outputs count.
    """

    size: int
    kernel: int
    stride: int
    dilation: int
    left: int
    right: int
    mode: str
    outputs: int

    @property
    def room(self) -> int:
        """The places where the kernel's first tap can be."""
        return self.size + self.left + self.right - self.dilation * (self.kernel - 1)

    @property
    def idle(self) -> int:
        """Outputs that torch's convolution makes beyond those that count."""
        return (self.room - 1) // self.stride + 1 - self.outputs

    def places(self) -> Tensor:
        """Where in the padded input each tap of each output reads: -> [outputs, kernel] int64."""
        return torch.arange(self.outputs).unsqueeze(1) * self.stride + torch.arange(self.kernel) * self.dilation

    def sources(self) -> Tensor:
        """The pixel that each place of the padded input holds, -1 where it holds zero: -> [left + size + right] int64."""
        at = torch.arange(-self.left, self.size + self.right)
        if self.mode == "circular":
            return at % self.size
        if self.mode == "reflect":
            return (self.size - 1) - (self.size - 1 - at.abs()).abs()
        if self.mode == "replicate":
            return at.clamp(0, self.size - 1)
        return torch.where((at >= 0) & (at < self.size), at, -1)

    def reads(self) -> Tensor:
        """The pixel that each tap of each output reads, -1 for zero: -> [outputs, kernel] int64."""
        return self.sources()[self.places()]


def axes_of(layer: nn.Module, input_shape: Sequence[int]) -> tuple[Axis, ...]:
    """The dimensions of a convolution on inputs [C, *sizes]; of a transposed one, those of the convolution whose adjoint it is.

    Raises:
        NetworkError: the shape does not fit the layer, or is too small for its kernel or its padding.
    """
    settings = cast(Any, layer)
    sizes, name = tuple(input_shape)[1:], type(layer).__name__
    if len(sizes) != len(settings.kernel_size) or input_shape[0] != settings.in_channels:
        expected = ", ".join([str(settings.in_channels), *"DHW"[-len(settings.kernel_size) :]])
        problem = f"{name}: input_shape must be ({expected}), got {tuple(input_shape)}"
        raise NetworkError(problem, "leave out the batch dimension")
    axes = tuple(axis(settings, index, size, isinstance(layer, TRANSPOSED)) for index, size in enumerate(sizes))
    for each in axes:
        check(each, name, tuple(input_shape))
    return axes


def axis(settings: Any, index: int, size: int, transposed: bool) -> Axis:
    """One dimension of a layer on `size` pixels."""
    kernel, stride, dilation = settings.kernel_size[index], settings.stride[index], settings.dilation[index]
    left, right = padding(settings.padding, index, dilation * (kernel - 1))
    if transposed:
        larger = (size - 1) * stride - 2 * left + dilation * (kernel - 1) + settings.output_padding[index] + 1
        return Axis(larger, kernel, stride, dilation, left, right, "zeros", outputs=size)
    outputs = (size + left + right - dilation * (kernel - 1) - 1) // stride + 1
    return Axis(size, kernel, stride, dilation, left, right, settings.padding_mode, outputs)


def padding(setting: str | Sequence[int], index: int, reach: int) -> tuple[int, int]:
    """Pixels on the left and on the right; of an odd number, `same` puts the larger part on the right, as torch does."""
    if setting == "valid":
        return 0, 0
    if setting == "same":
        return reach // 2, reach - reach // 2
    return int(setting[index]), int(setting[index])


def check(one: Axis, name: str, input_shape: tuple[int, ...]) -> None:
    """Refuse what torch would refuse in the forward pass."""
    if min(one.size, one.outputs) < 1:
        hint = "input_shape is too small for the kernel, or the padding too large"
        raise NetworkError(f"{name}: an input of {input_shape} has no output", hint)
    most = {"circular": one.size, "reflect": one.size - 1}.get(one.mode)
    width = max(one.left, one.right)
    if most is not None and width > most:
        raise NetworkError(f"{name}: {input_shape} is too small for {one.mode} padding of {width}", f"pad {most} at most")
