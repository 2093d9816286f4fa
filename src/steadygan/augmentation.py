"""Differentiable augmentation that the discriminator sees on real and fake alike, so that the generator never learns it."""

import torch
from torch import Tensor

from steadygan.parts import Part


class Augmentation(Part):
    """A random, differentiable change of images, drawn anew for each image."""

    def transform(self, images: Tensor, random: torch.Generator) -> Tensor:
        """The augmented images: [B, C, H, W] in [-1, 1] -> same shape. Every draw comes from `random`."""
        raise NotImplementedError
