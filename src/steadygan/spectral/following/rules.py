"""Which rule belongs to which function, and why some have none."""

import math
from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch.utils._pytree import tree_leaves

from steadygan.spectral.following.activations import ACTIVATIONS
from steadygan.spectral.following.arithmetic import ARITHMETIC
from steadygan.spectral.following.call import Call, UnknownSlope, peak_of
from steadygan.spectral.following.linear import LINEAR
from steadygan.spectral.following.shapes import SAME, SHAPES
from steadygan.spectral.following.windows import WINDOWS

Rule = Callable[[Call], float]
OPERATORS = {"iadd": "add", "radd": "add", "isub": "sub", "imul": "mul", "rmul": "mul", "truediv": "div", "itruediv": "div"}
OPERATORS |= {
    "true_divide": "div",
    "divide": "div",
    "subtract": "sub",
    "multiply": "mul",
    "absolute": "abs",
    "rmatmul": "right matmul",
}
OPERATORS |= {"concat": "cat", "concatenate": "cat", "special_erf": "erf", "special_expit": "sigmoid", "invert": "bitwise_not"}
TWO_ORDERS = {
    "batch_norm": F.batch_norm,
    "instance_norm": F.instance_norm,
    "embedding": F.embedding,
}  # torch has others so named

ABOUT = {
    *(
        "shape",
        "size",
        "dim",
        "ndim",
        "ndimension",
        "numel",
        "nelement",
        "__len__",
        "stride",
        "storage_offset",
        "dtype",
        "device",
    ),
    *(
        "layout",
        "type",
        "names",
        "is_contiguous",
        "is_floating_point",
        "is_complex",
        "is_signed",
        "is_cuda",
        "is_cpu",
        "is_nested",
    ),
    *(
        "is_sparse",
        "is_quantized",
        "is_meta",
        "is_mkldnn",
        "is_mps",
        "is_inference",
        "is_leaf",
        "requires_grad",
        "grad_fn",
        "grad",
    ),
    *("element_size", "itemsize", "nbytes", "get_device", "data_ptr", "_version", "_is_view", "_base", "is_conj", "is_neg"),
    *("zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like", "new_zeros", "new_ones", "new_empty"),
    *("new_full", "__hash__", "output_nr", "_backward_hooks", "retain_grad", "register_hook", "is_same_size"),
}
KEEPING_PEAKS = {*SAME, "view", "expand", "expand_as", "repeat", "__getitem__", "gather", "index_select"}

ATTENTION = "dot-product attention has no largest slope: Kim et al. 2021, arXiv:2006.04710"
REASONS = {
    **dict.fromkeys(("scaled_dot_product_attention", "multi_head_attention_forward"), ATTENTION),
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), "a recurrent layer multiplies parts that depend on the input"),
    "bilinear": "bilinear of parts that depend on the input",
    "forward": "a scripted module hides its operations",
}


def of_one(factor: Rule, first: bool = False) -> Rule:
    """The slope of what takes one tensor that depends on the input, from the factor by which it is steeper than that tensor.

    Args:
        factor: the rule for the factor.
        first: the tensor has to be the first argument.
    """

    def rule(call: Call) -> float:
        moving = [each for each in tree_leaves((call.args, call.kwargs)) if call.moves(each)]
        if len(moving) != 1 or (first and moving[0] is not call.input):
            raise UnknownSlope(f"{call.name} of several parts that depend on the input")
        return call.state(moving[0]).slope * factor(call)

    return rule


RULES: dict[str, Rule] = {
    **{name: of_one(factor, first=True) for name, factor in {**ACTIVATIONS, **WINDOWS, **SHAPES}.items()},
    **{name: of_one(factor) for name, factor in LINEAR.items()},
    **ARITHMETIC,
}


def name_of(func: Any) -> str:
    """The name under which a function, method or attribute has its rule; "set ..." for a change of an attribute."""
    name = str(func.__name__)
    if name in ("__get__", "__set__"):
        return str(func.__self__.__name__) if name == "__get__" else f"set {func.__self__.__name__}"
    if type(func).__module__ == "torch._ops" or func is not TWO_ORDERS.get(name, func):
        return f"torch.{name}"
    if name.startswith("__") and name.endswith("__") and name not in RULES and name not in ABOUT:
        name = name.strip("_")
    elif name.endswith("_") and not name.startswith("_"):
        name = name[:-1]
    return OPERATORS.get(name, name)


def is_about(call: Call) -> bool:
    """Whether a call asks for no more than the shape or the type of a tensor; or for its type as a word."""
    return call.name in ABOUT or (call.name == "type" and isinstance(call.out, str))


def still_peak(call: Call) -> float:
    """The peak of what comes out of an operation on what does not depend on the image, for any label."""
    if call.name == "embedding":
        return peak_of(call.get(1, "weight"))
    if call.name in KEEPING_PEAKS:
        return call.state(call.input).peak
    return math.inf
