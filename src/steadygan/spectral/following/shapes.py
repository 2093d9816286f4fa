"""Operations that move, choose, repeat or gather up entries, and reductions over dimensions."""

import math
from collections.abc import Callable
from types import EllipsisType
from typing import Any

import torch
from torch import Tensor

from steadygan.spectral.following.call import Call, UnknownSlope

SAME = (
    *("clone", "contiguous", "detach", "requires_grad", "to", "float", "double", "half", "bfloat16", "type", "type_as", "cpu"),
    *("cuda", "alias", "view_as", "reshape", "reshape_as", "flatten", "ravel", "unflatten", "squeeze", "unsqueeze"),
    *("permute", "transpose", "swapaxes", "swapdims", "movedim", "moveaxis", "t", "T", "mT", "mH", "real", "data"),
    *("chunk", "split", "split_with_sizes", "tensor_split", "unbind", "narrow", "select", "diagonal", "tril", "triu"),
    *("pixel_shuffle", "pixel_unshuffle", "channel_shuffle"),
)
REPEATED = ("expand", "expand_as", "broadcast_to", "repeat", "tile", "repeat_interleave")


def same(_call: Call) -> float:
    """No entry comes in twice: a change of place, a part, or another type."""
    return 1.0


def viewed(call: Call) -> float:
    """The same numbers under another shape; not the same bits as other numbers."""
    call.need(not any(isinstance(each, torch.dtype) for each in (*call.args, *call.kwargs.values())), "as another type")
    return 1.0


def flipped(call: Call) -> float:
    """A change of places within each sample."""
    call.need_own_dimensions(*dimensions_of(call.args[1:] if len(call.args) > 2 else call.get(1, "dims")))
    return 1.0


def rolled(call: Call) -> float:
    """A change of places within each sample."""
    call.need_own_dimensions(*dimensions_of(call.get(2, "dims")))
    return 1.0


def filled(call: Call) -> float:
    """A constant in some places."""
    call.need(not call.moves(call.get(1, "mask")), "where the input says")
    call.need(not call.moves(call.get(2, "value")), "with what depends on the input")
    return 1.0


def dimensions_of(value: Any) -> tuple[int | None, ...]:
    """A setting that names one dimension, several or, by None or nothing, all."""
    return (tuple(value) or (None,)) if isinstance(value, list | tuple) else (value,)


def repeated(call: Call) -> float:
    """Each entry as often as the output is larger."""
    call.need(call.out.dim() == call.input.dim(), "moves or mixes the samples of a batch")
    uneven = call.name == "repeat_interleave" and isinstance(call.get(1, "repeats"), Tensor)
    call.need(not uneven, "repeats some entries more often than others")
    return math.sqrt(call.out.numel() / max(1, call.input.numel()))


def indexed(call: Call) -> float:
    """A part of the tensor, by numbers, slices and new dimensions; an index tensor may name an entry as often as it is long."""
    parts = call.get(1, "indices")
    parts = parts if isinstance(parts, tuple) else (parts,)
    whole = isinstance(parts[0], slice) and parts[0] == slice(None)
    chosen = [torch.as_tensor(part) for part in parts if isinstance(part, list | Tensor)]
    call.need(whole or (isinstance(parts[0], EllipsisType) and not chosen), "takes samples out of a batch")
    call.need(not any(call.moves(part) for part in parts), "by an index that depends on the input")
    plain = all(part is None or isinstance(part, slice | EllipsisType | list | Tensor) for part in parts)
    call.need(not chosen or (plain and len(chosen) == 1), "with several indices at once")  # these move dimensions to the front
    return math.sqrt(chosen[0].numel()) if chosen else 1.0


def gathered(call: Call) -> float:
    """Entries chosen by an index, at worst all of them the same one."""
    index = call.get(2, "index")
    call.need(not call.moves(index), "by an index that depends on the input")
    call.need_own_dimensions(call.get(1, "dim"))
    return math.sqrt(index.numel() / call.batch)


def reduced_sizes(call: Call, position: int = 1) -> int:
    """How many entries a reduction takes together."""
    dimensions = dimensions_of(call.get(position, "dim"))
    call.need_own_dimensions(*dimensions)
    return math.prod(call.input.shape[dimension] for dimension in dimensions if dimension is not None)


def summed(call: Call) -> float:
    """|sum of n|^2 <= n sum of squares, with equality for equal entries."""
    return math.sqrt(reduced_sizes(call))


def averaged(call: Call) -> float:
    """The same over n."""
    return 1 / math.sqrt(max(1, reduced_sizes(call)))


def extreme(call: Call) -> float:
    """Maxima over sets that do not overlap; and the soft maximum, whose gradient is a distribution."""
    call.need("other" not in call.kwargs and not isinstance(call.get(1, "dim"), Tensor), "of two tensors")
    reduced_sizes(call)
    return 1.0


def norm(call: Call) -> float:
    """The l2 norm, by the triangle inequality."""
    order = call.get(1, "ord" if call.name.startswith("linalg") else "p", 2)
    if order not in (2, 2.0, "fro", None):
        raise UnknownSlope(f"{call.name} of order {order}")
    reduced_sizes(call, 2)
    return 1.0


SHAPES: dict[str, Callable[[Call], float]] = {
    **dict.fromkeys(SAME, same),
    "view": viewed,
    "flip": flipped,
    "roll": rolled,
    "masked_fill": filled,
    **dict.fromkeys(REPEATED, repeated),
    "__getitem__": indexed,
    "gather": gathered,
    "sum": summed,
    "mean": averaged,
    **dict.fromkeys(("amax", "amin", "max", "min", "logsumexp"), extreme),
    **dict.fromkeys(("norm", "linalg_vector_norm"), norm),
}
