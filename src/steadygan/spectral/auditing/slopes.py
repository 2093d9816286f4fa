"""The norms of layers as linear maps between their inputs and outputs, within a budget."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from steadygan.errors import NetworkError
from steadygan.spectral.auditing.coverage import Subject
from steadygan.spectral.matrix import CONVOLUTIONS, TRANSPOSED
from steadygan.spectral.operator import operator_norm, operator_norm_bound

PRODUCTS = 200  # with a convolution or its adjoint, that Lanczos iterations take, about
BUDGET = 6e10  # multiplications in float64 for all convolutions of a network: 10 s on one core of a server


@dataclass(frozen=True)
class Slope:
    """The norm of a layer as a linear map.

    Attributes:
        norm: None where it is not known, or no such map.
        method: `matrix`: it is sigma. `exact`: `operator_norm`, within 1e-7. `bound`: `operator_norm_bound`, never below it.
    """

    norm: float | None = None
    method: str = ""


def slopes_of(
    subjects: Sequence[Subject], shapes: Mapping[str, tuple[int, ...]], budget: float, count: Callable[[], None]
) -> dict[int, Slope]:
    """id(layer) -> norm of each convolution whose input shape is known; the cheapest first, and bounds where it is spent."""
    found: dict[int, Slope] = {}
    costs = {subject: products_cost(subject, shapes) for subject in subjects if isinstance(subject.layer, CONVOLUTIONS)}
    for subject, cost in sorted(costs.items(), key=lambda pair: pair[1]):
        count()
        shape = shapes.get(subject.name)
        if shape is not None:
            budget -= cost
            found[id(subject.layer)] = slope_of(subject.layer, shape, subject.coverage.factor, budget >= 0)
    return found


def slope_of(layer: nn.Module, shape: tuple[int, ...], factor: float, exact: bool) -> Slope:
    """The norm of one convolution, or a bound."""
    measure, method = (operator_norm, "exact") if exact else (operator_norm_bound, "bound")
    try:
        norm = measure(layer, shape) * factor
    except NetworkError:  # a shape that the layer's own code makes fit, or no convergence
        return Slope()
    return Slope(norm, method) if math.isfinite(norm) else Slope()


def products_cost(subject: Subject, shapes: Mapping[str, tuple[int, ...]]) -> float:
    """Multiplications that Lanczos iterations on a convolution take, about."""
    places = shapes.get(subject.name, (0,))[1:]
    weight = math.prod(subject.shape)
    if isinstance(subject.layer, TRANSPOSED):
        return PRODUCTS * float(weight * math.prod(places))
    strides = subject.layer.stride if isinstance(subject.layer, CONVOLUTIONS) else (1,)
    return PRODUCTS * float(weight * math.prod(places)) / math.prod(strides)
