"""Consistency regularization: an image and an augmented copy of it are judged alike."""

from typing import Literal

import torch
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn

from steadygan.augmentation import DiffAugment, Flip
from steadygan.game import Batch, judged, judged_both
from steadygan.stabilizers.base import Stabilizer
from steadygan.stabilizers.gradient_penalty import surroundings

SHIFT, FLIP = DiffAugment(policy="translation"), Flip()


def squared_change(discriminator: nn.Module, logits: Tensor, changed: Tensor, label: Tensor | None) -> Tensor:
    """Mean squared difference of `logits` and of those of the changed images: [B], [B, ...] -> scalar, at least 0."""
    return (logits - judged(discriminator, changed, label).float()).square().mean()


class Consistency(Stabilizer):
    """Logits that an augmentation of the image leaves as they are. Zhang et al. 2019, arXiv:1910.12027.

    Adds weight * mean |D(x) - D(T(x))|^2 on real images x, where T shifts each image by up to an eighth of its side along each
    axis and mirrors it with probability one half. With `fakes` the same on fake images: balanced consistency, bCR, Zhao et
    al. 2020, arXiv:2002.04724, without which the generator learns traces of T.

    What we do differently from the papers: what a shift moves in is 0, the middle grey; data other than images, such as points,
    get normal noise for T; and `every`. Under bfloat16 the logits of x are those of the loss, rounded to 3 digits.

    Attributes:
        weight: of each side's mean squared difference; that of both papers. 0 turns it off.
        fakes: whether fake images count too.
        flip: whether T mirrors; not for text or digits.
        scale: of the noise on what is no image, in standard deviations of the batch.
        every: acts on each every-th step only, and then every times as hard
    """

    name: Literal["consistency"] = "consistency"
    weight: NonNegativeFloat = 10.0
    fakes: bool = False
    flip: bool = True
    scale: PositiveFloat = 0.01
    every: PositiveInt = 1

    def changed(self, images: Tensor, random: torch.Generator) -> Tensor:
        """T(x), drawn from `random` for each image: same shape, without a gradient."""
        images = images.detach()
        if images.dim() != 4:
            return surroundings(images, self.scale, random)
        images = SHIFT.transform(images, random)
        return FLIP.transform(images, random) if self.flip else images

    def penalty(self, discriminator: nn.Module, batch: Batch) -> Tensor | None:
        """weight * mean |D(x) - D(T(x))|^2 on real, and on fake where asked -> scalar, at least 0."""
        if not self.weight or batch.step % self.every:
            return None
        real, fake = judged_both(discriminator, batch)
        change = squared_change(discriminator, real, self.changed(batch.real, batch.random), batch.label)
        if self.fakes:
            copies = self.changed(batch.fake, batch.random)
            change = change + squared_change(discriminator, fake, copies, batch.fake_label)
        return self.every * self.weight * change
