"""Linear layers, convolutions and products with constant matrices: the largest singular value of each as a map."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from steadygan.spectral.following.call import Call, UnknownSlope
from steadygan.spectral.leading import iterate, start
from steadygan.spectral.operator import operator_norm_bound
from steadygan.spectral.symbol import above_all, norm_above, rounding

ROUNDING = 1 + 1e-12  # a sum of squares in float64 is off by a few hundred units in its last place at most
DIRECT = 2048  # rows or columns, whichever are fewer, up to which all eigenvalues of WW' take less than a second
ESTIMATED, RAISED = 1e-3, 1.002  # residual at which power iterations stop, and what the square of their value is raised by
CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}


def matrix_norm(matrix: Tensor) -> float:
    """A number that the largest singular value does not exceed, and that is at most 0.6 % above it: [M, N] -> number.

    Up to `DIRECT` rows or columns it is that value, rounded up. For larger ones an estimate by power iterations is raised a
    little and shown to be above it by a Cholesky factor of c - WW', which takes a tenth of the time of all eigenvalues.
    """
    if matrix.numel() == 0:
        return 0.0
    wide = (matrix if matrix.shape[0] <= matrix.shape[1] else matrix.mT).to(torch.float64)
    scale = float(wide.abs().amax())
    if not scale < float("inf"):
        raise UnknownSlope("a weight is not finite")
    wide = wide / (scale or 1.0)
    if len(wide) <= DIRECT:
        return scale * norm_above(wide)
    stack = wide.float().unsqueeze(0)
    estimate = float(iterate(stack, start(stack, 1), 1, ESTIMATED).values[0, 0])
    squared = above_all((wide @ wide.mT).unsqueeze(0), RAISED * estimate**2)
    return scale * math.sqrt(squared) * rounding(*wide.shape)


def linear(call: Call) -> float:
    """The weight's, whatever stands before the last dimension."""
    call.need(call.input.dim() > 1, "mixes the samples of a batch")
    bias = call.get(2, "bias")
    call.need(not call.moves(bias), "with a bias that depends on the input")
    weight = call.constant(call.get(1, "weight"))
    return matrix_norm(weight if weight.dim() == 2 else weight.unsqueeze(0))


def convolution(dimensions: int) -> Callable[[Call], float]:
    """The rule of `conv1d`, `conv2d` or `conv3d`."""

    def rule(call: Call) -> float:
        settings = {name: call.get(position, name, default) for position, name, default in SETTINGS}
        return kernel_norm(call, CONVOLUTIONS[dimensions], settings)

    return rule


def transposed(dimensions: int) -> Callable[[Call], float]:
    """The rule of `conv_transpose1d`, `conv_transpose2d` or `conv_transpose3d`."""

    def rule(call: Call) -> float:
        settings = {name: call.get(position, name, default) for position, name, default in TRANSPOSED_SETTINGS}
        return kernel_norm(call, TRANSPOSED[dimensions], settings)

    return rule


SETTINGS: tuple[tuple[int, str, Any], ...] = ((3, "stride", 1), (4, "padding", 0), (5, "dilation", 1), (6, "groups", 1))
TRANSPOSED_SETTINGS: tuple[tuple[int, str, Any], ...] = (
    (3, "stride", 1),
    (4, "padding", 0),
    (5, "output_padding", 0),
    (6, "groups", 1),
    (7, "dilation", 1),
)


def kernel_norm(call: Call, kind: type[nn.Module], settings: dict[str, Any]) -> float:
    """A bound of the norm of a convolution with the given kernel and settings, for inputs of the size seen."""
    kernel = call.constant(call.get(1, "weight"))
    call.need(call.input.dim() == kernel.dim(), "mixes the samples of a batch")
    call.need(not call.moves(call.get(2, "bias")), "with a bias that depends on the input")
    first, second = kernel.shape[0], kernel.shape[1] * settings["groups"]
    channels = (first, second) if kind in TRANSPOSED.values() else (second, first)
    layer = kind(*channels, tuple(kernel.shape[2:]), bias=False, device="meta", **settings)
    layer.weight = nn.Parameter(kernel, requires_grad=False)
    return convolution_norm(layer, call.input)


def convolution_norm(layer: nn.Module, images: Tensor) -> float:
    """A bound of the norm of a convolution as a map of inputs of the size of [B, C, *sizes]."""
    with torch.no_grad():
        bound = operator_norm_bound(layer, tuple(images.shape[1:]))
    if not bound < float("inf"):
        raise UnknownSlope("a weight is not finite")
    return bound


def product(call: Call) -> float:
    """A matrix product with a constant on either side: its largest singular value, over all matrices of a stack."""
    left, right = call.get(0, "input"), call.get(1, "other" if "other" in call.kwargs else "mat2")
    of_right = call.moves(left)
    moving, matrix = (left, call.constant(right)) if of_right else (right, call.constant(left))
    call.need(moving.dim() > (1 if of_right else 2), "mixes the samples of a batch")
    if matrix.dim() == 1:
        return float(matrix.double().norm()) * ROUNDING
    stack = matrix.flatten(0, -3) if matrix.dim() > 2 else matrix.unsqueeze(0)
    same = moving.shape[1:-2] == call.out.shape[1:-2] and moving.dim() == call.out.dim()
    call.need(len(stack) == 1 or same, "repeats the input")
    return max(matrix_norm(each) for each in stack)


LINEAR: dict[str, Callable[[Call], float]] = {
    "linear": linear,
    **{f"conv{n}d": convolution(n) for n in CONVOLUTIONS},
    **{f"conv_transpose{n}d": transposed(n) for n in TRANSPOSED},
    **dict.fromkeys(("matmul", "mm", "bmm"), product),
}
