"""Bounds on the norm of a convolution that are never below it; the smallest counts.

Each writes the convolution as a product of maps whose norms are known: maps that copy or add up pixels, whose squared norm is
the largest number of copies, and the kernel as a matrix, one for each place (Tsuzuku et al. 2018, arXiv:1802.04034) or one for
each frequency (Sedghi et al. 2019, arXiv:1805.10408), with every stride-th tap a channel of its own.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from steadygan.spectral.axes import Axis
from steadygan.spectral.symbol import EPS, norm_above, symbol_bound


def convolution_bound(kernels: Tensor, axes: Sequence[Axis]) -> float:
    """A bound on the norm of a convolution: [G, out / G, in / G, *k] float64, finite -> number."""
    reads = [axis.reads() for axis in axes]
    for dimension, table in enumerate(reads, start=3):  # taps that meet nothing but zero padding might as well be zero
        met = (table >= 0).any(0).to(kernels)
        kernels = kernels * met.reshape(-1, *[1] * (kernels.dim() - 1 - dimension))
    if not kernels.any():
        return 0.0
    cheap = min(gather_bound(kernels, reads), scatter_bound(kernels, reads), row_and_column_bound(kernels, reads))
    return min(cheap, frequency_bound(kernels, axes))


def gather_bound(kernels: Tensor, reads: Sequence[Tensor]) -> float:
    """Copy the patch that each output reads, then apply the kernel as a matrix [out, in * k]."""
    copies = math.prod(most_equal(table) for table in reads)
    return math.sqrt(copies) * norm_above(kernels.flatten(2))


def scatter_bound(kernels: Tensor, reads: Sequence[Tensor]) -> float:
    """Apply the kernel as a matrix [out * k, in] at each pixel, then add up what belongs to each output."""
    added = math.prod(int((table >= 0).sum(1).max()) for table in reads)
    used = math.prod(max(most_equal(column) for column in table.T) for table in reads)
    return math.sqrt(added * used) * norm_above(kernels.transpose(1, 2).flatten(2))


def row_and_column_bound(kernels: Tensor, reads: Sequence[Tensor]) -> float:
    """The root of the largest row sum times the largest column sum of the absolute values of the whole matrix: Schur's test."""
    rows, columns = kernels.abs().sum(2), kernels.abs().sum(1)
    for table in reads:
        size = int(table.max()) + 1
        hits = torch.stack([tap[tap >= 0].bincount(minlength=size) for tap in table.T])  # [k, size]
        rows = torch.tensordot(rows, torch.unique((table >= 0).T, dim=1).to(rows), ([2], [0]))
        columns = torch.tensordot(columns, torch.unique(hits, dim=1).to(columns), ([2], [0]))
    return math.sqrt(float(rows.amax()) * float(columns.amax())) * (1 + EPS * kernels.numel())


def frequency_bound(kernels: Tensor, axes: Sequence[Axis]) -> float:
    """Pad, then convolve without end in all directions, then cut: the norm of the padding times that of the symbol.

    A dimension with a single pixel in or out is exact instead, each of its pixels a channel of its own.
    """
    copies = 1
    for axis in axes:
        if min(axis.size, axis.outputs) == 1:
            kernels = written_out(kernels, axis)
        else:
            kernels = strided(without_margin(kernels), axis.stride // math.gcd(axis.stride, axis.dilation))
            copies *= copies_of(axis)
    return math.sqrt(copies) * symbol_bound(kernels)


def written_out(kernels: Tensor, axis: Axis) -> Tensor:
    """One dimension as a matrix, each of its pixels a channel: [G, M, N, k, *rest] -> [G, M * outputs, N * size, *rest, 1]."""
    table = axis.reads().T.unsqueeze(2) == torch.arange(axis.size)  # [k, outputs, size]
    matrix = torch.tensordot(kernels, table.to(kernels), ([3], [0]))  # [G, M, N, *rest, outputs, size]
    return torch.movedim(matrix, (-2, -1), (2, 4)).flatten(3, 4).flatten(1, 2).unsqueeze(-1)


def strided(kernels: Tensor, stride: int) -> Tensor:
    """Taps of equal remainder as channels of their own: [G, M, N, k, *rest] -> [G, M, N * stride, *rest, ceil(k / stride)].

    Of stride and dilation only stride / gcd(stride, dilation) counts: what they have in common leaves out pixels, and a
    dilation that has nothing in common with the stride takes the same frequencies in another order.
    """
    missing = kernels.new_zeros(*kernels.shape[:3], -kernels.shape[3] % stride, *kernels.shape[4:])
    groups = torch.unflatten(torch.cat([kernels, missing], 3), 3, (-1, stride))  # [G, M, N, q, stride, *rest]
    return torch.movedim(groups, (3, 4), (-1, 3)).flatten(2, 3)


def copies_of(axis: Axis) -> int:
    """The largest number of places, of those read, in which the padded input holds the same pixel.

    With circular padding, where the stride divides the size, the outputs of one turn make a convolution on a circle, whose
    frequencies are among all frequencies; then it is the number of turns that counts.
    """
    if axis.mode == "circular" and axis.size % axis.stride == 0:
        return -(-axis.outputs * axis.stride // axis.size)
    return most_equal(axis.sources()[torch.unique(axis.places())])


def most_equal(table: Tensor) -> int:
    """How often the most frequent pixel stands in a table of pixels, in which -1 is none."""
    return int(table[table >= 0].bincount(minlength=1).max())


def without_margin(kernels: Tensor) -> Tensor:
    """Dimension 3 without the taps on either side that are zero for all channels."""
    alive = (kernels != 0).movedim(3, 0).flatten(1).any(1).nonzero()
    first, last = int(alive[0]), int(alive[-1])
    return kernels.narrow(3, first, last - first + 1)
