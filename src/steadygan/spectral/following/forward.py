"""A forward pass that is followed: every module knows when its code runs, and the input is tracked."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from steadygan.spectral.following.call import State, UnknownSlope, joined
from steadygan.spectral.following.linear import convolution_norm
from steadygan.spectral.following.rules import ATTENTION
from steadygan.spectral.following.trace import Sight, Trace, Tracked, plain
from steadygan.spectral.layer import Normalized

Rule = Callable[[nn.Module, list[Tracked], Trace], State]
PADDED = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def followed(network: nn.Module, inputs: tuple[Tensor, ...], trained: set[int]) -> State:
    """The state of what a network returns.

    Args:
        network: within `untouched`, which puts back what is changed here.
        inputs: the images [B, ...], and what is held constant beside them.
        trained: ids of the modules that stood in training mode.
    """
    trace = Trace(network, trained, len(inputs[0]))
    tracked = [trace.image(inputs[0]), *(trace.track(each, State()) for each in inputs[1:])]
    for module in network.modules():
        module.__dict__["forward"] = heard(module, module.forward, trace)
    with torch.enable_grad(), Sight(trace):
        try:
            out = tree_leaves(network(*tracked))
        except Exception as error:  # a stranger's code may refuse a tracked tensor in any way
            return trace.beyond(State(), f"cannot be followed: {first_line(error)}")
        states = [outcome(trace, each) for each in out if isinstance(each, Tensor)]
    state = joined(states)
    unknown = tuple(dict.fromkeys((*state.unknown, *trace.leaks)))
    return State(math.inf if unknown else state.slope, unknown=unknown)


def outcome(trace: Trace, out: Tensor) -> State:
    """The state of one of the tensors that a network returns."""
    if isinstance(out, Tracked):
        return out.state
    return trace.beyond(State(), "what it returns was computed out of sight") if trace.depends(out) else State()


def heard(module: nn.Module, forward: Callable[..., Any], trace: Trace) -> Callable[..., Any]:
    """The forward pass of one module, which says when it runs."""

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with within(trace, module):
            tracked = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tracked)]
            rule = rule_for(module) if any(each.state.moves for each in tracked) else None
            if rule is None:
                return forward(*args, **kwargs)
            with trace.busy():
                out = forward(*tree_map(plain, args), **tree_map(plain, kwargs))
                state = rule(module, tracked, trace)
                return tree_map(lambda each: trace.track(each, state) if isinstance(each, Tensor) else each, out)

    return wrapped


@contextmanager
def within(trace: Trace, module: nn.Module) -> Iterator[None]:
    """Within it the code that runs is that of `module`."""
    trace.scope.append(module)
    try:
        yield
    finally:
        trace.scope.pop()


def rule_for(module: nn.Module) -> Rule | None:
    """The rule of a module of torch's own that is taken as one operation."""
    kind = next(kind for kind in type(module).__mro__ if "forward" in vars(kind) and kind is not Normalized)
    if kind is nn.MultiheadAttention:
        return attention
    inner = getattr(type(module), "_conv_forward", None)
    usual = any(kind is each and inner is each._conv_forward for each in PADDED)
    return padded_convolution if usual and module.padding_mode != "zeros" else None


def attention(_module: nn.Module, tracked: list[Tracked], trace: Trace) -> State:
    """Nothing is known, and one reason will do."""
    return trace.beyond(joined(each.state for each in tracked), ATTENTION)


def padded_convolution(module: nn.Module, tracked: list[Tracked], trace: Trace) -> State:
    """A convolution that pads with pixels: its norm is not that of the padding times that of the rest."""
    state = joined(each.state for each in tracked)
    try:
        return state if state.unknown else State(state.slope * convolution_norm(module, tracked[0].plain))
    except UnknownSlope as reason:
        return trace.beyond(state, str(reason))


def first_line(error: Exception) -> str:
    """What went wrong, in one line."""
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}".rstrip(": ")
