"""Weight clipping: the first way to keep a critic Lipschitz, kept as the baseline it is."""

from typing import Literal

import torch
from pydantic import PositiveFloat
from torch import nn

from steadygan.stabilizers.base import Stabilizer


@torch.no_grad()
def clip_weights(module: nn.Module, bound: float) -> None:
    """Bring every parameter of `module` into [-bound, bound], in place."""
    for parameter in module.parameters():
        parameter.clamp_(-bound, bound)


class WeightClipping(Stabilizer):
    """Every weight of the critic clipped to [-bound, bound] after its update. Arjovsky et al. 2017, arXiv:1701.07875, alg. 1.

    The paper itself calls it "a clearly terrible way to enforce a Lipschitz constraint"; `wgan_gp` and `spectral_norm` are
    what followed. Clips biases and the gains of normalization layers too, as the paper's algorithm does. Beside
    `spectral_norm` it must stand first in the list, so that the singular vectors are refreshed on the clipped weights.
    """

    name: Literal["weight_clipping"] = "weight_clipping"
    bound: PositiveFloat = 0.01

    def project(self, discriminator: nn.Module, step: int) -> None:
        """Clip the critic."""
        clip_weights(discriminator, self.bound)
