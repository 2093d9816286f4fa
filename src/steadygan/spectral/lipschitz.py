"""Bounds on the Lipschitz constant of a whole network: one from above that is certain, one from below that was measured."""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from steadygan.errors import NetworkError
from steadygan.spectral.auditing.rehearsal import candidates, untouched
from steadygan.spectral.following.forward import first_line, followed
from steadygan.spectral.steepness import Work, sampled, steepest

MOST_SAMPLES, WORK = 32, 1e11  # inputs for the lower bound: as many as forward passes of so many multiplications allow


@dataclass(frozen=True)
class Bounds:
    """What is known of a network's Lipschitz constant in l2 norms.

    Attributes:
        lower: the steepest that it was found to be somewhere. No network is less steep than this.
        upper: no pair of inputs is further apart behind the network than this times their distance; inf where that is unknown.
        unknown: `name of the module (its class): why`, for each operation on the way to the output that has no bound.
    """

    lower: float
    upper: float
    unknown: tuple[str, ...] = ()


def lipschitz(module: nn.Module, input_shape: tuple[int, ...], *, n_samples: int | None = None) -> Bounds:
    """Bounds on the Lipschitz constant of `module` as a map of one input to its outputs. Leaves no trace in the module.

    The forward pass of one input is followed through modules and functions. What stands in a row multiplies: linear layers and
    convolutions with their norm (`operator_norm_bound`, at the size they are given), activations with their largest slope,
    pooling, padding, resizing and sums over positions with theirs. What is added up adds, so that a residual block x + f(x) has
    1 + L(f); what is joined into one tensor has the root of the sum of squares. No two of them need be steepest at the same
    input: the product is an upper bound (Szegedy et al. 2014, arXiv:1312.6199, section 4.3), and seldom near the constant of
    deep networks.

    An operation without a largest slope, or without a rule here, is named in `unknown`, and so is a module whose code chooses
    its path by the values of the input. It is the network in evaluation mode that is looked at; batch normalization and dropout
    that stand in training mode are named too. A label beside the input is held constant; the upper bound holds for every label,
    where the code takes the same path for all. Rounding within the network is left out of account.

    Args:
        module: called with a tensor of two inputs, then with labels beside it.
        input_shape: of one input, without the batch, such as (3, 32, 32).
        n_samples: inputs to look for the lower bound from; by default 32 or, in large networks, fewer. 0 for no search.

    Raises:
        NetworkError: the module cannot be called with such an input.

    >>> lipschitz(nn.Sequential(nn.Linear(1, 1, bias=False), nn.Sigmoid()).requires_grad_(False), (1,)).unknown
    ()
    """
    trained = {id(each) for each in module.modules() if each.training}
    inputs, work = accepted(module, tuple(input_shape))
    if not inputs[0].is_floating_point():
        return Bounds(0.0, math.inf, (f"{type(module).__name__}: takes indices, between which there is no distance",))
    with untouched(module):
        state = followed(module, inputs, trained)
    n = int(min(MOST_SAMPLES, max(2, WORK // max(1, work)))) if n_samples is None else n_samples
    lower = 0.0
    with untouched(module), torch.enable_grad(), suppress(RuntimeError):  # some operations have no derivative
        lower = steepest(flat(module, inputs), sampled(tuple(input_shape), n, inputs[0])) if n else 0.0
    if lower > state.slope:
        return Bounds(lower, math.inf, (f"{type(module).__name__}: found steeper than its bound {state.slope:.6g}",))
    return Bounds(lower, state.slope, state.unknown)


def accepted(module: nn.Module, input_shape: tuple[int, ...]) -> tuple[tuple[Tensor, ...], int]:
    """The first kind of input with which the module can be called, and the multiplications that this takes."""
    problem = ""
    for inputs in candidates(module, input_shape):
        with untouched(module), torch.no_grad(), Work() as work:  # type: ignore[no-untyped-call]
            try:
                module(*inputs)
            except Exception as error:  # a stranger's code can fail in any way
                problem = problem or first_line(error)
            else:
                return inputs, work.total
    raise NetworkError(
        f"lipschitz: {type(module).__name__} cannot be called with {list(input_shape)}: {problem}",
        "input_shape is that of one input, without the batch",
    )


def flat(module: nn.Module, inputs: tuple[Tensor, ...]) -> Callable[[Tensor], Tensor]:
    """The module as a function of images [n, ...] to all its real outputs, side by side [n, O]; labels are the first ones."""

    def function(images: Tensor) -> Tensor:
        beside = (each[:1].expand(len(images), *each.shape[1:]) for each in inputs[1:])
        found = [each for each in tree_leaves(module(images, *beside)) if isinstance(each, Tensor) and each.is_floating_point()]
        own = [each.reshape(len(images), -1) for each in found if each.dim() > 0 and len(each) == len(images)]
        return torch.cat([*own, images.new_zeros(len(images), 0 if own else 1)], 1)

    return function
