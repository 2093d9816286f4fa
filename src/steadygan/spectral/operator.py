"""The norm of a layer as a linear map between inputs of a given size, exact, and a bound that is never below it.

The norm of a convolution lies neither above nor below that of its reshaped kernel, which spectral normalization divides by: in
trained discriminators it is 1.4 to 2.6 times as large.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from steadygan.errors import NetworkError
from steadygan.spectral.axes import axes_of
from steadygan.spectral.bound import convolution_bound
from steadygan.spectral.krylov import largest_singular_value
from steadygan.spectral.maps import Rowwise, linear_map
from steadygan.spectral.matrix import CONVOLUTIONS
from steadygan.spectral.symbol import norm_above, norm_of

DIRECT = 2048  # rows or columns, whichever are fewer, up to which a matrix is decomposed


@torch.no_grad()
def operator_norm(layer: nn.Module, input_shape: Sequence[int]) -> float:
    """The largest singular value of a layer without bias as a map between inputs of the given size and its outputs.

    Any stride, padding, padding mode, dilation and groups, transposed or not, in 1 to 3 dimensions, by Lanczos iterations in
    float64; linear layers by a decomposition. An embedding counts as the matrix of its rows, applied to one-hot vectors.

    Args:
        layer: Linear, Conv1d-3d, ConvTranspose1d-3d or Embedding. The weight is read as the layer uses it, so that of a
            normalized layer is the normalized one. A class with a `forward` of its own is taken for its base class.
        input_shape: of one sample, without the batch: (C, *sizes). Of an embedding it does not matter.

    Returns:
        The norm, with a relative error of at most 1e-6; 0 for a weight of zeros, NaN where one is not finite.

    Raises:
        NetworkError: another kind of layer, a shape that does not fit it, or no convergence.

    >>> conv = nn.Conv2d(1, 1, 3, padding=1, bias=False)
    >>> _ = nn.init.ones_(conv.weight)
    >>> round(operator_norm(conv, (1, 8, 8)), 4)  # (1 + 2 cos(pi / 9))^2
    8.2909
    """
    weight, scale = scaled_weight(layer, input_shape)
    if not scale > 0:
        return scale
    with torch.autocast(weight.device.type, enabled=False):
        if isinstance(layer, CONVOLUTIONS):
            few = compressed(weight, layer.groups)
            return scale * largest_singular_value(lambda value: linear_map(layer, value, input_shape), few)
        if min(weight.shape) > DIRECT:
            return scale * largest_singular_value(lambda value: Rowwise(value, weight.shape[1:]), weight)
        return scale * norm_of(weight)


@torch.no_grad()
def operator_norm_bound(layer: nn.Module, input_shape: Sequence[int]) -> float:
    """A number that `operator_norm` never exceeds, rounding included, without iterations on inputs.

    The smallest of several bounds, see `steadygan.spectral.bound`: with zero padding and more than a few pixels typically 1 to
    10 % above the norm. For 700 channels and more the tightest one would take long; the others may be twice the norm.

    Args:
        layer: as for `operator_norm`.
        input_shape: as for `operator_norm`. It matters for padding other than zeros, and for inputs of the kernel's size.

    Returns:
        The bound; 0 for a weight of zeros, NaN where one is not finite.

    Raises:
        NetworkError: another kind of layer, or a shape that does not fit it.

    >>> conv = nn.Conv2d(1, 1, 3, padding=1, bias=False)
    >>> _ = nn.init.ones_(conv.weight)
    >>> round(operator_norm_bound(conv, (1, 8, 8)), 4)
    9.0
    """
    weight, scale = scaled_weight(layer, input_shape)
    if not scale > 0:
        return scale
    if not isinstance(layer, CONVOLUTIONS):
        return scale * norm_above(weight)
    return scale * convolution_bound(torch.unflatten(weight, 0, (layer.groups, -1)), axes_of(layer, input_shape))


def scaled_weight(layer: nn.Module, input_shape: Sequence[int]) -> tuple[Tensor, float]:
    """The weight over its largest absolute value, in float64, and that value, NaN where a number is not finite.

    Raises:
        NetworkError: another kind of layer, or a shape that does not fit it.
    """
    if not isinstance(layer, (nn.Linear, nn.Embedding, *CONVOLUTIONS)):
        known = "known are Linear, Conv1d-3d, ConvTranspose1d-3d and Embedding"
        raise NetworkError(f"{type(layer).__name__}: not known as a linear map", known)
    weight = layer.weight.detach()
    if not isinstance(layer, nn.Embedding):
        linear_map(layer, weight, input_shape)
    weight = weight.to("cpu" if weight.device.type == "mps" else weight.device, torch.float64)  # which mps has not
    scale = float(weight.abs().amax())
    scale = scale if math.isfinite(scale) else math.nan
    return weight / (scale or 1.0), scale


def compressed(weight: Tensor, groups: int) -> Tensor:
    """A kernel [out, in / G, *k] with the same norm and fewer channels, where it has more than the kernel can tell apart.

    Where out > in / G * prod(k), W = QR as a matrix [out, in * k], and R has the norm of W because Q keeps lengths; likewise
    for the inputs. The last layer of a discriminator, 512 -> 1 with 4x4 taps, needs 16 of its 512 channels.
    """
    kernels = torch.unflatten(weight, 0, (groups, -1))
    for dimension in (1, 2):
        moved = kernels.movedim(dimension, 1)
        if moved.shape[1] > moved[0, 0].numel():
            triangle = torch.linalg.qr(moved.flatten(2), mode="r")[1]
            kernels = torch.unflatten(triangle, 2, moved.shape[2:]).movedim(1, dimension)
    return kernels.flatten(0, 1)
