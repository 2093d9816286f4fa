"""One operation of a forward pass, as the rules see it: what goes in, how steep that is in the input, what comes out."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class State:
    """What is known of a tensor that came out of the network's inputs.

    Attributes:
        slope: Lipschitz bound of each sample in the sample's image, in l2 norms; inf where it is not known.
        peak: bound of the absolute value of the entries, whatever the label is; inf for what depends on the image.
        unknown: why the slope is not known, place by place.
    """

    slope: float = 0.0
    peak: float = math.inf
    unknown: tuple[str, ...] = ()

    @property
    def moves(self) -> bool:
        """Whether it depends on the image."""
        return self.slope > 0 or bool(self.unknown)


def joined(states: Iterable[State]) -> State:
    """The state of several tensors seen as one."""
    states = list(states)
    unknown = tuple(dict.fromkeys(reason for state in states for reason in state.unknown))
    return State(math.inf if unknown else math.hypot(*(state.slope for state in states)), unknown=unknown)


class UnknownSlope(Exception):
    """No bound is known for an operation; the message says why."""


@dataclass(frozen=True)
class Call:
    """One call of a torch function, made on plain tensors.

    Attributes:
        name: the function's or method's, without the marks of operators (`__add__`) and of work in place (`add_`).
        args, kwargs: what it was given.
        out: what it returned.
        states: id(tensor) -> state of each tensor that came out of the inputs; others are constants.
        batch: the number of samples, which every tensor with a slope has as its first size.
        training: the module whose code this is stands in training mode.
    """

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    out: Any
    states: Mapping[int, State]
    batch: int
    training: bool = False

    def get(self, position: int, name: str, default: Any = None) -> Any:
        """An argument, however it was passed."""
        return self.args[position] if position < len(self.args) else self.kwargs.get(name, default)

    @property
    def input(self) -> Any:
        """The first argument."""
        return self.get(0, "input")

    def state(self, value: Any) -> State:
        """The state of an argument; the peak of a constant is that of its entries."""
        return self.states[id(value)] if id(value) in self.states else State(peak=peak_of(value))

    def moves(self, value: Any) -> bool:
        """Whether an argument depends on the image."""
        return id(value) in self.states and self.states[id(value)].moves

    def constant(self, value: Any) -> Tensor:
        """An argument that may depend on neither image nor label, as a tensor."""
        if id(value) in self.states:
            kind = "the input" if self.moves(value) else "the label"
            raise UnknownSlope(f"{self.name} with a weight that depends on {kind}")
        return torch.as_tensor(value).detach()

    def need(self, sound: bool, problem: str) -> None:
        """Raise where a rule does not apply."""
        if not sound:
            raise UnknownSlope(f"{self.name} {problem}")

    def need_own_dimensions(self, *dimensions: Any) -> None:
        """Raise where one of the input's dimensions that a call works along is the batch; None is all of them."""
        for dimension in dimensions:
            if dimension is None or dimension % self.input.dim() == 0:
                raise UnknownSlope(f"{self.name} mixes the samples of a batch")


def peak_of(value: Any) -> float:
    """The largest absolute value of the entries of a constant; inf where that makes no sense."""
    if isinstance(value, bool | int | float):
        return abs(float(value))
    if not isinstance(value, Tensor) or value.is_complex():
        return math.inf
    return float(value.detach().abs().amax()) if value.numel() else 0.0


def integers(value: Any, n: int) -> tuple[int, ...]:
    """A setting that is one number for all n dimensions, or one for each."""
    return tuple(int(each) for each in value) if isinstance(value, list | tuple) else (int(value),) * n
