"""Sums, products and other operations on several tensors, of which more than one may depend on the network's input."""

import math
from collections.abc import Callable
from typing import Any

from steadygan.spectral.following.call import Call, UnknownSlope


def spread(call: Call, value: Any) -> float:
    """How much longer an argument becomes when it is repeated to the shape of what comes out."""
    if not call.moves(value):
        return 1.0
    call.need(value.dim() == call.out.dim() and value.shape[0] == call.batch, "moves or mixes the samples of a batch")
    return math.sqrt(call.out.numel() / max(1, value.numel()))


def slope_in(call: Call, value: Any) -> float:
    """The slope of an argument as it enters."""
    return call.state(value).slope * spread(call, value)


def pair_of(call: Call) -> tuple[Any, Any]:
    """The two arguments of a binary operation."""
    call.need(len(call.args) <= 2, "in a form that is not known")
    return call.get(0, "input"), call.get(1, "other")


def summed(call: Call) -> float:
    """a + alpha b, a - alpha b, b - a: triangle inequality."""
    left, right = pair_of(call)
    call.need(call.name != "rsub" or "alpha" not in call.kwargs, "with alpha")
    return slope_in(call, left) + abs(float(call.kwargs.get("alpha", 1))) * slope_in(call, right)


def product(call: Call) -> float:
    """A tensor times what depends on the input not at all, or on the label alone: its largest entry."""
    return product_of(call, *pair_of(call))


def product_of(call: Call, left: Any, right: Any) -> float:
    """The slope of the product of two arguments."""
    if call.moves(left) and call.moves(right):
        raise UnknownSlope(f"{call.name} of two parts that depend on the input")
    moving, factor = (left, right) if call.moves(left) else (right, left)
    peak = call.state(factor).peak
    call.need(peak < math.inf, "by a factor that is not finite or depends on the label")
    return slope_in(call, moving) * peak


def quotient(call: Call) -> float:
    """A tensor over a constant: its smallest entry."""
    left, right = pair_of(call)
    if call.moves(right):
        raise UnknownSlope(f"{call.name} by what depends on the input")
    call.need(call.kwargs.get("rounding_mode") is None, "rounds")
    least = float(call.constant(right).abs().amin())
    call.need(least > 0, "by zero")
    return slope_in(call, left) / least


def product_added(call: Call) -> float:
    """a + value b c."""
    first, left, right = call.get(0, "input"), call.get(1, "tensor1"), call.get(2, "tensor2")
    moving = product_of(call, left, right) if call.moves(left) or call.moves(right) else 0.0
    return slope_in(call, first) + abs(float(call.kwargs.get("value", 1))) * moving


def joined(call: Call) -> float:
    """The root of the sum of squares, as parts of one vector."""
    dimension = call.get(1, "dim", 0)
    call.need(dimension % call.out.dim() != 0, "moves or mixes the samples of a batch")
    return joint_slope(call, call.get(0, "tensors"))


def joint_slope(call: Call, tensors: Any) -> float:
    """The slope of several tensors seen as one vector."""
    return math.hypot(*(call.state(each).slope for each in tensors))


def either(call: Call) -> float:
    """The larger or smaller of two: no entry moves further than the one or the other."""
    return math.hypot(*(slope_in(call, each) for each in pair_of(call)))


def chosen(call: Call) -> float:
    """Entries of the one or the other, where a constant says."""
    condition, left, right = call.get(0, "condition"), call.get(1, "input"), call.get(2, "other")
    call.need(not call.moves(condition), "chooses by values that depend on the input")
    return math.hypot(slope_in(call, left), slope_in(call, right))


ARITHMETIC: dict[str, Callable[[Call], float]] = {
    **dict.fromkeys(("add", "sub", "rsub"), summed),
    "mul": product,
    "div": quotient,
    "addcmul": product_added,
    **dict.fromkeys(("cat", "stack"), joined),
    **dict.fromkeys(("maximum", "minimum"), either),
    "where": chosen,
}
