"""Pooling, padding and resizing: maps that act along each dimension alone, so that their norm is a product.

Means over windows, copies at borders and linear interpolation are Kronecker products of one small matrix a dimension, whose
largest singular value is computed. A maximum over windows lets each pixel into at most m of them: |max(x) - max(y)|^2 is at
most the sum over the windows of |x - y|^2 in them, so its slope is at most sqrt(m): reached where one pixel wins them all.
"""

import math
from collections.abc import Callable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from steadygan.spectral.following.call import Call, UnknownSlope, integers

DENSE = 1024  # sizes up to which the matrix of a dimension is decomposed; above, its norm is bounded by row and column sums
ROUNDING = 1 + 1e-12


def norm_along(size: int, change: Callable[[Tensor], Tensor]) -> float:
    """The norm of a linear map of signals without negative entries: `change` maps [N, 1, size] to [N, 1, size']."""
    if size > DENSE:
        return norm_of_long(size, change)
    columns = change(torch.eye(size, dtype=torch.float64).unsqueeze(1)).squeeze(1)
    return float(torch.linalg.svdvals(columns)[0]) * ROUNDING


def norm_of_long(size: int, change: Callable[[Tensor], Tensor]) -> float:
    """A bound of the same: the root of its largest row sum times its largest column sum."""
    ones = torch.ones(1, 1, size, dtype=torch.float64, requires_grad=True)
    with torch.enable_grad():
        rows = change(ones)
    (columns,) = torch.autograd.grad(rows.sum(), ones)
    return math.sqrt(float(rows.detach().amax()) * float(columns.amax())) * ROUNDING


def average_pool(n: int) -> Callable[[Call], float]:
    """The rule of `avg_pool1d`, `avg_pool2d` or `avg_pool3d`."""

    def rule(call: Call) -> float:
        kernel = integers(call.get(1, "kernel_size"), n)
        ceil, divisor = bool(call.get(4, "ceil_mode", False)), call.get(6, "divisor_override")
        inside = bool(call.get(5, "count_include_pad", True)) or divisor is not None
        strides, paddings = integers(call.get(2, "stride") or kernel, n), integers(call.get(3, "padding", 0), n)

        def norm(size: int, k: int, s: int, p: int) -> float:
            return norm_along(size, lambda x: F.avg_pool1d(x, k, s, p, ceil, inside))

        product = math.prod(map(norm, call.input.shape[-n:], kernel, strides, paddings))
        return product if divisor is None else product * math.prod(kernel) / abs(divisor)

    return rule


def adaptive_average_pool(n: int) -> Callable[[Call], float]:
    """The rule of `adaptive_avg_pool1d`, `adaptive_avg_pool2d` or `adaptive_avg_pool3d`."""

    def norm(size: int, outputs: int) -> float:
        return norm_along(size, lambda x: F.adaptive_avg_pool1d(x, outputs))

    return lambda call: math.prod(map(norm, call.input.shape[-n:], call.out.shape[-n:]))


def max_pool(n: int) -> Callable[[Call], float]:
    """The rule of `max_pool1d`, `max_pool2d` or `max_pool3d`."""

    def windows(size: int, outputs: int, k: int, s: int, p: int, d: int) -> int:
        read = torch.arange(outputs)[:, None] * s - p + torch.arange(k) * d
        return most_read(size, read[(read >= 0) & (read < size)])

    def rule(call: Call) -> float:
        kernel = integers(call.get(1, "kernel_size"), n)
        strides, paddings = integers(call.get(2, "stride") or kernel, n), integers(call.get(3, "padding", 0), n)
        sizes = (call.input.shape[-n:], tensor_of(call).shape[-n:], kernel, strides, paddings)
        return math.sqrt(math.prod(map(windows, *sizes, integers(call.get(4, "dilation", 1), n))))

    return rule


def adaptive_max_pool(n: int) -> Callable[[Call], float]:
    """The rule of `adaptive_max_pool1d`, `adaptive_max_pool2d` or `adaptive_max_pool3d`."""

    def windows(size: int, outputs: int) -> int:
        ranges = (torch.arange(i * size // outputs, -(-(i + 1) * size // outputs)) for i in range(outputs))
        return most_read(size, torch.cat(list(ranges)))

    return lambda call: math.sqrt(math.prod(map(windows, call.input.shape[-n:], tensor_of(call).shape[-n:])))


def most_read(size: int, read: Tensor) -> int:
    """How often the pixel occurs that is read most often."""
    return int(torch.bincount(read.flatten(), minlength=size).amax())


def tensor_of(call: Call) -> Tensor:
    """What comes out, without the indices of maxima."""
    return cast(Tensor, call.out[0] if isinstance(call.out, tuple) else call.out)


def pad(call: Call) -> float:
    """Constants at the border change no distance; the other modes copy pixels."""
    sides, mode = call.get(1, "pad"), call.get(2, "mode", "constant")
    call.need(not call.moves(call.get(3, "value")), "with a value that depends on the input")
    if mode == "constant":
        return 1.0
    pairs = list(zip(sides[::2], sides[1::2], strict=True))

    def norm(size: int, pair: tuple[int, int]) -> float:
        return norm_along(size, lambda x: F.pad(x, pair, mode))

    return math.prod(map(norm, reversed(call.input.shape[-len(pairs) :]), pairs))


RESIZED = {"nearest": "nearest", "nearest-exact": "nearest-exact", "area": "area"}
RESIZED |= dict.fromkeys(("linear", "bilinear", "trilinear"), "linear")


def interpolate(call: Call) -> float:
    """Nearest neighbours, means and linear interpolation, exact; a cubic one is refused."""
    n, mode = call.input.dim() - 2, RESIZED.get(call.get(3, "mode", "nearest"))
    if mode is None or call.get(6, "antialias", False):
        raise UnknownSlope(f"interpolate in mode {call.get(3, 'mode')!r} or antialiased")
    factors = call.get(2, "scale_factor")
    given = None if call.get(5, "recompute_scale_factor") or factors is None else factors
    scales = given if isinstance(given, list | tuple) else (given,) * n
    align = call.get(4, "align_corners")

    def norm(size: int, outputs: int, scale: float | None) -> float:
        target = {"size": outputs} if scale is None else {"scale_factor": scale}
        return norm_along(size, lambda x: F.interpolate(x, mode=mode, align_corners=align, **target))

    return math.prod(map(norm, call.input.shape[2:], call.out.shape[2:], scales))


WINDOWS: dict[str, Callable[[Call], float]] = {
    **{f"avg_pool{n}d": average_pool(n) for n in (1, 2, 3)},
    **{f"adaptive_avg_pool{n}d": adaptive_average_pool(n) for n in (1, 2, 3)},
    **{f"max_pool{n}d": max_pool(n) for n in (1, 2, 3)},
    **{f"adaptive_max_pool{n}d": adaptive_max_pool(n) for n in (1, 2, 3)},
    "pad": pad,
    "interpolate": interpolate,
}
