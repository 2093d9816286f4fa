"""Activations that overwrite a tensor which is still needed: `x + f(relu_(x))` is no residual block, and nothing complains."""

import operator
from collections.abc import Iterator
from typing import Any

import torch.nn.functional as F
from torch import Tensor, fx, nn

VIEWS = {"view", "reshape", "flatten", "squeeze", "unsqueeze", "transpose", "permute", "movedim", "chunk", "split", "unbind"}
ABOUT = {"getattr", "size", "dim", "len", "numel"}  # these read of a tensor what nobody overwrites


class Tracer(fx.Tracer):
    """Looks into every module but torch's own and those that hold a weight, whose code may not be traceable."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether a module is taken as one operation."""
        holds_weight = any(value is not None and value.dim() > 1 for value in m._parameters.values())
        return holds_weight or hasattr(m, "parametrizations") or super().is_leaf_module(m, module_qualified_name)


def overwritten(module: nn.Module, prefix: str = "") -> Iterator[str]:
    """The places in `module` where an operation in place changes a tensor that is read again afterwards.

    A module whose code cannot be traced is looked at child by child; what it does between its children is then not seen.
    """
    try:
        graph = Tracer().trace(module)
    except Exception:  # control flow that depends on data, and whatever else a stranger's code does
        for name, child in module.named_children():
            if next(child.children(), None) is not None:
                yield from overwritten(child, f"{prefix}{name}.")
        return
    modules = dict(module.named_modules())
    order = {node: index for index, node in enumerate(graph.nodes)}
    for node in graph.nodes:
        if works_in_place(node, modules):
            later = [user for user in readers(node.args[0]) if user is not node and order[user] > order[node]]
            if later:
                yield place_of(node, prefix)


def works_in_place(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether a node of a graph overwrites its first argument."""
    if not node.args or not isinstance(node.args[0], fx.Node):
        return False
    if node.op == "call_module":
        return getattr(modules.get(str(node.target)), "inplace", False) is True
    if node.op == "call_method":
        return str(node.target).endswith("_") and not str(node.target).startswith("_")
    name = name_of(node)
    in_place = name.endswith("_") and not name.startswith("_") and (hasattr(F, name) or hasattr(Tensor, name))
    return node.op == "call_function" and (node.kwargs.get("inplace") is True or in_place)


def readers(node: Any) -> set[fx.Node]:
    """Every node that reads the memory of this one: its users, those of its views and of what it is a view of."""
    while is_view(node):
        node = node.args[0]
    found, left = set(), [node]
    while left:
        for user in left.pop().users:
            found.add(user)
            if is_view(user):
                left.append(user)
    return {user for user in found if not is_view(user) and name_of(user) not in ABOUT}


def is_view(node: fx.Node) -> bool:
    """Whether a node gives the same memory under another shape."""
    return node.op in ("call_method", "call_function") and (name_of(node) in VIEWS or node.target is operator.getitem)


def name_of(node: fx.Node) -> str:
    """The name of the function or method that a node calls."""
    return str(node.target) if isinstance(node.target, str) else getattr(node.target, "__name__", "")


def place_of(node: fx.Node, prefix: str) -> str:
    """The module that overwrites, or the one in whose code it happens."""
    if node.op == "call_module":
        return f"{prefix}{node.target}"
    stack = node.meta.get("nn_module_stack") or {}
    inner = next(reversed(stack), "")
    return f"{prefix}{inner}".rstrip(".") or "the network's own code"
