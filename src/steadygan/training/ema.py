"""The moving average of the generator, from which samples are drawn. It never averages u and v."""

import copy

import torch
from torch import Tensor, nn

from steadygan.spectral import remove_spectral_norm


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
        self._averages = plain_state(self.generator)

    @torch.no_grad()
    def update(self, generator: nn.Module, step: int) -> None:
        """Take in the generator as it is after `step` steps."""
        decay = min(self.decay, (1 + step) / (10 + step))
        news = plain_state(generator)
        floats = [name for name, value in news.items() if value.is_floating_point()]
        torch._foreach_lerp_([self._averages[name] for name in floats], [news[name] for name in floats], 1 - decay)
        for name in news.keys() - set(floats):
            self._averages[name].copy_(news[name])


def plain_state(network: nn.Module) -> dict[str, Tensor]:
    """Every weight as it is read, and every buffer but u and v, by the name it has in a plain network."""
    state = {}
    for prefix, module in network.named_modules():
        if "parametrizations" in prefix.split("."):
            continue
        start = f"{prefix}." if prefix else ""
        names = [*module._parameters, *module._buffers]
        if hasattr(module, "parametrizations"):
            names += list(module.parametrizations)
        state.update({start + name: getattr(module, name).detach() for name in names if getattr(module, name) is not None})
    return state
