"""Gradient normalization: the discriminator's logit divided by its own slope and size, sample by sample."""

from functools import cache
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from steadygan.errors import ConfigError
from steadygan.game import Networks
from steadygan.stabilizers.base import Stabilizer


def normalized_logits(logits: Tensor, slopes: Tensor) -> Tensor:
    """f / (|grad f| + |f|), one per sample: [B], [B] -> [B] in [-1, 1]; 0, not NaN, where both are 0.

    >>> normalized_logits(torch.tensor([15.0, 0.0]), torch.tensor([5.0, 0.0]))
    tensor([0.7500, 0.0000])
    """
    scale = slopes + logits.abs()
    return logits / torch.where(scale < torch.finfo(scale.dtype).tiny, 1, scale)


class GradientNormalized(nn.Module):
    """What a discriminator whose logits are normalized is besides its own class. It has no weights and buffers of its own."""

    def forward(self, images: Tensor, label: Tensor | None = None) -> Tensor:
        """The normalized logits: [B, C, H, W], [B] -> [B] float32. The slope needs a graph, also where nobody asked for one."""
        wanted = torch.is_grad_enabled()
        with torch.enable_grad():
            images = images if images.requires_grad else images.detach().requires_grad_(True)
            logits = super().forward(images, label)
            (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=wanted)
        gradient = gradient.to(torch.promote_types(gradient.dtype, torch.float32)).flatten(1)  # a square overflows float16
        return normalized_logits(logits, torch.linalg.vector_norm(gradient, dim=1))

    def __reduce_ex__(self, protocol: Any) -> Any:
        return blank, (type(self).__bases__[1],), self.__dict__


@cache
def normalized_class(base: Any) -> Any:
    """`base` with normalized logits."""
    return type(f"GradientNormalized{base.__name__}", (GradientNormalized, base), {"__module__": base.__module__})


def blank(base: type[nn.Module]) -> nn.Module:
    """An empty discriminator of a normalized class: what copying and unpickling fill."""
    found: nn.Module = object.__new__(normalized_class(cast(Any, base)))
    return found


class GradientNormalization(Stabilizer):
    """Logits f judged as f / (|df / dx| + |f|). Wu et al. 2021, arXiv:2109.02235.

    They lie in [-1, 1], and a discriminator that is linear in pieces becomes 1-Lipschitz on each: the slope of the normalized
    logit is (|df / dx| / (|df / dx| + |f|))^2. With smooth activations that is not a bound. Everyone who asks the
    discriminator gets the normalized logits: both losses, penalties, probes. Each answer costs a forward and a backward pass,
    and learning from it a backward pass through both.

    Beside `spectral_norm` it is possible and not advised. The normalized logit does not change when f is multiplied by any
    positive number, so of the factors 1 / sigma only a new balance between weights and biases, and between the branches of
    residual blocks, is left: that costs a refresh for no bound that was not there.

    A discriminator whose samples see each other (batch norm, minibatch statistics) has no slope of its own for each sample;
    the gradient is then that of the batch's sum, as in the authors' code.

    What we do differently from the paper: 0 where f and its slope are both 0, instead of 0 / 0.
    """

    name: Literal["gradient_normalization"] = "gradient_normalization"

    def prepare(self, networks: Networks) -> None:
        """Make the discriminator give normalized logits.

        Raises:
            ConfigError: it does so already.
        """
        discriminator = networks.discriminator
        if isinstance(discriminator, GradientNormalized):
            problem = "stabilizers: 'gradient_normalization' stands twice: the normalized logits would be normalized again"
            raise ConfigError(problem, "leave one of them out")
        discriminator.__class__ = normalized_class(cast(Any, type(discriminator)))
