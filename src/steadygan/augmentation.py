"""Differentiable augmentation that the discriminator sees on real and fake alike, so that the generator never learns it."""

from typing import Literal

import torch
from pydantic import field_validator
from torch import Tensor

from steadygan.errors import NetworkError
from steadygan.parts import Part, Table, near_miss

MOST_SHIFTED, CUT = 0.125, 0.5  # shares of the side, as in the paper


class Augmentation(Part):
    """A random, differentiable change of images, drawn anew for each image."""

    def transform(self, images: Tensor, random: torch.Generator) -> Tensor:
        """The augmented images: [B, C, H, W] in [-1, 1] -> same shape. Every draw comes from `random`."""
        raise NotImplementedError


class Flip(Augmentation):
    """Mirrors each image left to right with probability one half. Not for text or digits."""

    name: Literal["flip"] = "flip"

    def transform(self, images: Tensor, random: torch.Generator) -> Tensor:
        """[B, C, H, W] -> [B, C, H, W]."""
        return torch.where(uniform(checked(images), random) < 0.5, images.flip(3), images)


class DiffAugment(Augmentation):
    """Color, translation and cutout, one draw each per image. Zhao et al. 2020, arXiv:2006.10738.

    As in the paper, colors may leave [-1, 1] (they stay within 5.5), and what moves in from outside or is cut out is 0, the
    middle grey. Each call draws anew, so real and fake images get different draws of the same distribution.

    Attributes:
        policy: the steps to take, in order, separated by commas: "color", "translation", "cutout".
    """

    name: Literal["diffaugment"] = "diffaugment"
    policy: str = "color,translation,cutout"

    @field_validator("policy")
    @classmethod
    def known(cls, policy: str) -> str:
        """`policy`, if all of its steps are known."""
        for step in policy.split(","):
            if step not in STEPS:
                raise ValueError(f"no such step as {step!r}; {near_miss(step, STEPS)}known: {', '.join(STEPS)}")
        return policy

    def transform(self, images: Tensor, random: torch.Generator) -> Tensor:
        """[B, C, H, W] -> [B, C, H, W], differentiable in the images."""
        images = checked(images)
        for step in self.policy.split(","):
            images = STEPS[step](images, random)
        return images


def checked(images: Tensor) -> Tensor:
    """`images`, if they are images and not points."""
    if images.dim() != 4:
        raise NetworkError(f"augmentation: needs images [B, C, H, W], got {list(images.shape)}", "leave augmentations out")
    return images


def uniform(images: Tensor, random: torch.Generator) -> Tensor:
    """One draw from [0, 1) for each image, on the images' device wherever `random` lives: -> [B, 1, 1, 1]."""
    return torch.rand(len(images), 1, 1, 1, generator=random, device=random.device).to(images.device, images.dtype)


def integer(images: Tensor, low: int, high: int, random: torch.Generator) -> Tensor:
    """One whole number from low..high, both included, for each image: -> [B, 1] int64, on the images' device."""
    return torch.randint(low, high + 1, (len(images), 1), generator=random, device=random.device).to(images.device)


def color(images: Tensor, random: torch.Generator) -> Tensor:
    """Brightness moved by -0.5..0.5, then saturation scaled by 0..2, then contrast by 0.5..1.5."""
    images = images + uniform(images, random) - 0.5
    images = torch.lerp(images.mean(1, keepdim=True), images, 2 * uniform(images, random))
    return torch.lerp(images.mean((1, 2, 3), keepdim=True), images, uniform(images, random) + 0.5)


def translation(images: Tensor, random: torch.Generator) -> Tensor:
    """Moved by up to an eighth of the side along each axis; 0 moves in."""
    for axis in (2, 3):
        most = int(images.shape[axis] * MOST_SHIFTED + 0.5)
        images = shifted(images, integer(images, -most, most, random), axis)
    return images


def shifted(images: Tensor, offset: Tensor, axis: int) -> Tensor:
    """Pixel i of `axis` becomes pixel i + offset, or 0 outside: [B, C, H, W], [B, 1] -> [B, C, H, W]."""
    side = images.shape[axis]
    source = torch.arange(side, device=images.device) + offset  # [B, side]
    along = (-1, 1, side, 1) if axis == 2 else (-1, 1, 1, side)
    # wrapping round makes each row a permutation: the gradient adds no two numbers in one place, so their order is no matter
    moved = images.gather(axis, (source % side).reshape(along).expand_as(images))
    return moved * ((source >= 0) & (source < side)).reshape(along)


def cutout(images: Tensor, random: torch.Generator) -> Tensor:
    """A square of half the side is set to 0, its centre anywhere in the image."""
    height, width = images.shape[2:]
    rows = cut_out(images, height, random)
    columns = cut_out(images, width, random)
    return images * ~(rows[:, None, :, None] & columns[:, None, None, :])


def cut_out(images: Tensor, side: int, random: torch.Generator) -> Tensor:
    """Which positions along an axis of length `side` the cut covers: -> [B, side] bool."""
    size = int(side * CUT + 0.5)
    start = integer(images, 0, side - size % 2, random) - size // 2
    position = torch.arange(side, device=images.device)
    return (position >= start) & (position < start + size)


STEPS = {"color": color, "translation": translation, "cutout": cutout}

AUGMENTATIONS: Table[Augmentation] = Table("augmentation", Augmentation, {"diffaugment": DiffAugment, "flip": Flip})
