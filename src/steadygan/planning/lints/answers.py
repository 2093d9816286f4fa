"""The players, called a few times before training starts: nothing that they hold moves, and nobody else's draw changes."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from steadygan.spectral.auditing.rehearsal import untouched

SQUASHING = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}  # function -> the range of what it returns


class Squashed(TorchFunctionMode):
    """Within it, what `SQUASHING` functions return is remembered."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[tuple[Tensor, str]] = []  # holds the tensors, so that no other takes their place in memory

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "").rstrip("_")
        if name in SQUASHING and isinstance(result, Tensor):
            self.made.append((result, name))
        return result

    def behind(self, output: Tensor) -> str:
        """The function that `output`, or what it is a view of, came out of; "" where it was another."""
        place = output.untyped_storage().data_ptr()
        return next((name for made, name in reversed(self.made) if made.untyped_storage().data_ptr() == place), "")


@dataclass(frozen=True)
class Answers:
    """What a discriminator says of one batch.

    Attributes:
        shape: of what it returns.
        logits, again: [B], in the mode it stands in, from two calls one after the other.
        other: [B], in the other mode.
        function: "sigmoid" where that is the last thing it does; "" mostly.
    """

    shape: tuple[int, ...]
    logits: Tensor
    again: Tensor
    other: Tensor
    function: str

    @property
    def spread(self) -> float:
        """Standard deviation of the logits."""
        return float(self.logits.std())


@contextmanager
def standing(network: nn.Module) -> Iterator[None]:
    """Within it `network` may do whatever a forward pass in its own mode does; afterwards it is as it was."""
    modes = [(layer, layer.training) for layer in network.modules()]
    with untouched(network), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # training will say it again
        for layer, mode in modes:
            layer.training = mode
        yield


def answers_of(network: nn.Module, real: Tensor, label: Tensor | None) -> Answers:
    """Four calls of a discriminator; the first lets singular vectors that move in each call come to rest."""
    with standing(network), Squashed() as squashed:
        called(network, real, label)
        first, second = called(network, real, label), called(network, real, label)
        function = squashed.behind(second)
        other_mode = not network.training
        for layer in network.modules():
            layer.training = other_mode
        third = called(network, real, label)
    logits, again, other = (each.float().reshape(len(real), -1).mean(1) for each in (first, second, third))
    return Answers(tuple(first.shape), logits, again, other, function)


def fakes_of(network: nn.Module, z: Tensor, label: Tensor | None) -> tuple[Tensor, str]:
    """What a generator makes of latents, and the squashing function behind it, "" where there is none."""
    with standing(network), Squashed() as squashed:
        fake = called(network, z, label)
        return fake.float(), squashed.behind(fake)


def called(network: nn.Module, inputs: Tensor, label: Tensor | None) -> Tensor:
    """What a player returns, also one that takes no label."""
    try:
        output: Tensor = network(inputs, label)
    except TypeError:
        output = network(inputs)
    return output
