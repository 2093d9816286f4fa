"""Instance noise: real and fake images blurred into each other, so that the two never have disjoint supports."""

from typing import Literal

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor

from steadygan.game import Batch
from steadygan.stabilizers.base import Stabilizer


def noisy(images: Tensor, noise_std: float, random: torch.Generator) -> Tensor:
    """`images` plus normal noise: [B, ...] -> same shape and type. Not clamped to [-1, 1]: that would let D see the edge."""
    noise = torch.randn(images.shape, generator=random, device=random.device)
    return images + noise_std * noise.to(images)


class InstanceNoise(Stabilizer):
    """Normal noise on everything the discriminator sees, annealed to nothing.

    Sonderby et al. 2017, arXiv:1610.04490; Arjovsky & Bottou 2017, arXiv:1701.04862, section 3. What we do differently: the
    decay is linear in the step and ends at a stated one.

    Attributes:
        noise_std: at step 0, in units of an image in [-1, 1].
        until: the step from which there is no noise, and no draw from the batch's random state.
    """

    name: Literal["instance_noise"] = "instance_noise"
    noise_std: PositiveFloat = 0.1
    until: PositiveInt = 2000

    def transform(self, images: Tensor, batch: Batch) -> Tensor:
        """`images` with this step's noise."""
        left = 1 - batch.step / self.until
        return noisy(images, self.noise_std * left, batch.random) if left > 0 else images
