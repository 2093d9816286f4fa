"""The moving average of the generator, from which samples are drawn. It never averages u and v."""

import copy

import torch
from torch import Tensor, nn

from steadygan.spectral import own_names, remove_spectral_norm


class MovingAverage:
    """An exponential moving average of the weights that the generator actually uses.

    Normalized weights enter as they are read, so the average is a plain network without u and v. Float buffers (running
    statistics) are averaged alike, counters copied. Early on the average is shorter: decay min(d, (1 + t) / (10 + t)).
    The averaged generator is Yazici et al. 2019, arXiv:1806.04498.

    Args:
        generator: to be averaged; it is copied.
        decay: the weight of the past in each step, in [0, 1).
    """

    def __init__(self, generator: nn.Module, decay: float) -> None:
        self.decay = decay
        self.generator = copy.deepcopy(generator)
        remove_spectral_norm(self.generator)
        self.generator.requires_grad_(False).eval()
        self._news = places(generator)
        self._averages = [read(place) for place in places(self.generator)]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the generator as it is after `step` steps."""
        decay = min(self.decay, (1 + step) / (10 + step))
        pairs = [(average, read(place)) for average, place in zip(self._averages, self._news, strict=True)]
        floats = [pair for pair in pairs if pair[0].is_floating_point()]
        torch._foreach_lerp_([average for average, _ in floats], [news for _, news in floats], 1 - decay)
        for average, news in pairs:
            if not average.is_floating_point():
                average.copy_(news)


Place = tuple[nn.Module, str]


def places(network: nn.Module) -> list[Place]:
    """Where each weight and buffer but those of normalization is read: module and attribute, in one order with and without."""
    found = []
    for _, module in sorted(network.named_modules()):
        there = [name for name, value in [*module._parameters.items(), *module._buffers.items()] if value is not None]
        found += [(module, name) for name in sorted(set(there) - own_names(module))]
    return found


def read(place: Place) -> Tensor:
    """The weight or buffer at a place, as the layer reads it, without its graph."""
    value: Tensor = getattr(*place)
    return value.detach()
