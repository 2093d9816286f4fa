"""Gradient penalties: the slope of the discriminator at real images, at fake images, between them, or around the real ones."""

from typing import Literal

import torch
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn

from steadygan.game import Batch, judged
from steadygan.stabilizers.base import Stabilizer


def input_gradient(discriminator: nn.Module, images: Tensor, label: Tensor | None) -> Tensor:
    """d logit / d image, differentiable in the weights: [B, C, H, W] -> [B, C * H * W], at least float32.

    Autocast is switched off inside: a square of a bfloat16 gradient has two digits, and float16 overflows at 65504.
    """
    images = images.detach().to(torch.promote_types(images.dtype, torch.float32)).requires_grad_(True)
    with torch.autocast(images.device.type, enabled=False):
        (gradient,) = torch.autograd.grad(judged(discriminator, images, label).sum(), images, create_graph=True)
    return gradient.flatten(1)


def squared_gradient_norm(discriminator: nn.Module, images: Tensor, label: Tensor | None) -> Tensor:
    """Squared norm of d logit / d image, one per sample: [B, C, H, W] -> [B]."""
    return input_gradient(discriminator, images, label).square().sum(1)


def squared_distance_to_slope(discriminator: nn.Module, images: Tensor, label: Tensor | None, slope: float) -> Tensor:
    """(|d logit / d image| - slope)^2, one per sample: [B, C, H, W] -> [B]. Flat, not NaN, where the gradient is zero."""
    norm: Tensor = torch.linalg.vector_norm(input_gradient(discriminator, images, label), dim=1)
    return (norm - slope).square()


def interpolates(real: Tensor, fake: Tensor, random: torch.Generator) -> Tensor:
    """One uniformly random point on the line between each real image and its fake: [B, ...], [B, ...] -> [B, ...]."""
    share = torch.rand(len(real), generator=random, device=random.device).to(real)
    return torch.lerp(fake, real, share.reshape(-1, *[1] * (real.dim() - 1)))


def surroundings(real: Tensor, scale: float, random: torch.Generator) -> Tensor:
    """`real` plus normal noise of `scale` times the standard deviation of the whole batch: [B, ...] -> [B, ...]."""
    noise = torch.randn(real.shape, generator=random, device=random.device).to(real)
    return real + scale * real.std(correction=0) * noise


class ZeroCentred(Stabilizer):
    """What R1 and R2 share: gamma, which may fall, and how often they act.

    Attributes:
        gamma: weight of the penalty at the start.
        gamma_final: where it falls to, by equal factors a step; None keeps it.
        until: the step at which it gets there.
        every: acts on each every-th step only, and then every times as hard.
    """

    gamma: PositiveFloat = 10.0
    gamma_final: PositiveFloat | None = None
    until: PositiveInt = 10_000
    every: PositiveInt = 1

    def weight(self, step: int) -> float:
        """The factor on the mean squared gradient norm at a step.

        >>> R1(gamma=4, gamma_final=1, until=10).weight(5)
        1.0
        """
        final = self.gamma if self.gamma_final is None else self.gamma_final
        share = float(min(step / self.until, 1))
        return float(self.every * self.gamma * (final / self.gamma) ** share / 2)


class R1(ZeroCentred):
    """Zero-centred gradient penalty on real images. Mescheder et al. 2018, arXiv:1801.04406, eq. 9.

    What we do differently from the paper: `every`, the lazy regularization of Karras et al. 2020, arXiv:1912.04958, section
    3.1, without the change of Adam's settings that they make along with it; and a gamma that may fall, as in Huang et al.
    2024, arXiv:2501.05441.
    """

    name: Literal["r1"] = "r1"

    def penalty(self, discriminator: nn.Module, batch: Batch) -> Tensor | None:
        """gamma / 2 * mean |d logit / d real|^2 -> scalar, at least 0."""
        if batch.step % self.every:
            return None
        return self.weight(batch.step) * squared_gradient_norm(discriminator, batch.real, batch.label).mean()


class R2(ZeroCentred):
    """Zero-centred gradient penalty on fake images. Mescheder et al. 2018, arXiv:1801.04406, eq. 10.

    With R1 it is the regularizer of R3GAN, Huang et al. 2024, arXiv:2501.05441. What we do differently: as in R1.
    """

    name: Literal["r2"] = "r2"

    def penalty(self, discriminator: nn.Module, batch: Batch) -> Tensor | None:
        """gamma / 2 * mean |d logit / d fake|^2 -> scalar, at least 0."""
        if batch.step % self.every:
            return None
        return self.weight(batch.step) * squared_gradient_norm(discriminator, batch.fake, batch.fake_label).mean()


class GradientPenalty(Stabilizer):
    """Slope of the critic drawn to `target` between real and fake. Gulrajani et al. 2017, arXiv:1704.00028, eq. 3.

    What we do differently from the paper: `every`, and `target`, which is the wanted slope in logits a unit of image. On data
    of small scale slope 1 starves the critic: raise `target` or lower `weight`. A point between two classes is judged as the
    class of its real end.
    """

    name: Literal["wgan_gp"] = "wgan_gp"
    weight: PositiveFloat = 10.0
    target: NonNegativeFloat = 1.0
    every: PositiveInt = 1  # acts on each every-th step only, and then every times as hard

    def penalty(self, discriminator: nn.Module, batch: Batch) -> Tensor | None:
        """weight * mean (|d logit / d image| - target)^2 at random points between real and fake -> scalar, at least 0."""
        if batch.step % self.every:
            return None
        between = interpolates(batch.real, batch.fake, batch.random)
        return self.every * self.weight * squared_distance_to_slope(discriminator, between, batch.label, self.target).mean()


class Dragan(Stabilizer):
    """Slope of the discriminator drawn to `target` around the real data only. Kodali et al. 2017, arXiv:1705.07215.

    Computes weight * mean (|d logit / d image at x + delta| - target)^2 with delta = scale * std(real) * N(0, I), where std is
    taken over all numbers of the batch. What we do differently from the paper: it writes delta ~ N(0, c I) with a fixed c; we
    tie c to the spread of the data, so that one default serves any scale. Its authors' code draws uniform noise of that
    spread, which moves the mean of the images, and a random share of it; we do neither.
    """

    name: Literal["dragan"] = "dragan"
    weight: PositiveFloat = 10.0
    target: NonNegativeFloat = 1.0
    scale: PositiveFloat = 0.5
    every: PositiveInt = 1  # acts on each every-th step only, and then every times as hard

    def penalty(self, discriminator: nn.Module, batch: Batch) -> Tensor | None:
        """weight * mean (|d logit / d image| - target)^2 at noisy real images -> scalar, at least 0."""
        if batch.step % self.every:
            return None
        around = surroundings(batch.real, self.scale, batch.random)
        return self.every * self.weight * squared_distance_to_slope(discriminator, around, batch.label, self.target).mean()
