"""Adversarial training of the discriminator: it must also be right about images that were changed a little to fool it."""

from typing import Literal

import torch
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn

from steadygan.game import Batch, judged, judged_both
from steadygan.losses import NonSaturating
from steadygan.stabilizers.base import Stabilizer

Norm = Literal["linf", "l2"]


def size(change: Tensor) -> Tensor:
    """Root mean square of each sample's numbers, never 0: [B, ...] -> [B, 1, ...]."""
    mean_square = change.flatten(1).square().mean(1).reshape(-1, *[1] * (change.dim() - 1))
    return mean_square.sqrt().clamp_min(torch.finfo(change.dtype).tiny)


def steepest(gradient: Tensor, norm: Norm) -> Tensor:
    """The change of size 1 along which a gradient rises fastest, 0 where there is none: [B, ...] -> [B, ...]."""
    return gradient.sign() if norm == "linf" else gradient / size(gradient)


def projected(change: Tensor, radius: float, norm: Norm) -> Tensor:
    """The nearest change in the ball of `radius`: [B, ...] -> [B, ...]."""
    return change.clamp(-radius, radius) if norm == "linf" else change * (radius / size(change)).clamp_max(1)


def slope(discriminator: nn.Module, images: Tensor, label: Tensor | None) -> Tensor:
    """d logit / d image: [B, ...] -> [B, ...]. Without autocast, and without a gradient of its own in the weights."""
    images = images.detach().requires_grad_(True)
    with torch.enable_grad(), torch.autocast(images.device.type, enabled=False):
        return torch.autograd.grad(judged(discriminator, images, label).sum(), images)[0]


class AdversarialTraining(Stabilizer):
    """The discriminator's loss once more, at real images changed to look fake. Liu & Hsieh 2018, arXiv:1807.10454 (Rob-GAN).

    Adds weight * L(D(x + v), D(fake)) with v = argmin D(x + v) over |v| <= radius, found by projected gradient steps (Madry et
    al. 2018, arXiv:1706.06083). Zhou & Kraehenbuehl, ICLR 2019, "Don't let your discriminator be fooled", show that robustness
    of this kind makes any GAN loss smooth and stable. L is the loss of the run; a loop of one's own that puts none into
    the batch gets the non-saturating one.

    What we do differently from Rob-GAN: the loss at unchanged images stays; v lowers the logit itself, because a hinge has no
    slope beyond its margin; v is not cut to [-1, 1]; fake images may be attacked too, upwards; and `every`. A step is 2.5
    radii over `n_steps` long, as in Madry et al., at most one radius.

    Attributes:
        weight: of the loss at changed images, beside 1 of that at unchanged ones. 0 turns it off.
        radius: the largest change, in units of an image in [-1, 1]; 0.039 is as far as five steps of Rob-GAN's code for CIFAR
            can go. Lower it for points that lie closer than that.
        norm: `linf` bounds the change of every number, `l2` the root mean square of an image's changes.
        n_steps: gradient steps, each of which costs a forward and a backward pass.
        fakes: whether fake images are attacked too.
        every: acts on each every-th step only, and then every times as hard
    """

    name: Literal["adversarial_training"] = "adversarial_training"
    weight: NonNegativeFloat = 1.0
    radius: PositiveFloat = 0.039
    norm: Norm = "linf"
    n_steps: PositiveInt = 5
    fakes: bool = False
    every: PositiveInt = 1

    def attacked(self, discriminator: nn.Module, images: Tensor, label: Tensor | None, sign: int) -> Tensor:
        """`images` with the change in the ball that raises (`sign` 1) or lowers (-1) their logits most: same shape."""
        images = images.detach().to(torch.promote_types(images.dtype, torch.float32))
        step, change = sign * self.radius * min(2.5 / self.n_steps, 1), torch.zeros_like(images)
        for _ in range(self.n_steps):
            uphill = steepest(slope(discriminator, images + change, label), self.norm)
            change = projected(change + step * uphill, self.radius, self.norm)
        return images + change

    def penalty(self, discriminator: nn.Module, batch: Batch) -> Tensor | None:
        """weight * the discriminator's loss at attacked images -> scalar."""
        if not self.weight or batch.step % self.every:
            return None
        _, fake = judged_both(discriminator, batch)
        real = judged(discriminator, self.attacked(discriminator, batch.real, batch.label, -1), batch.label).float()
        if self.fakes:
            changed = self.attacked(discriminator, batch.fake, batch.fake_label, 1)
            fake = judged(discriminator, changed, batch.fake_label).float()
        loss = batch.loss or NonSaturating().discriminator
        return self.every * self.weight * loss(real, fake)
