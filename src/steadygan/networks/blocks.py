"""What convolutional networks are made of: the ladder of resolutions, up- and downsampling, residual blocks, first weights."""

import math
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from steadygan.errors import ConfigError
from steadygan.networks.base import Norm, Spec
from steadygan.networks.norms import ConditionalNorm, plain_norm

SMALLEST, LARGEST = 8, 256
L = TypeVar("L", nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


def ladder(resolution: int) -> tuple[int, int]:
    """(base, n_doublings) with base * 2 ** n_doublings = resolution, halved while it is even and the base stays at least 4.

    >>> [ladder(resolution) for resolution in (8, 20, 28, 32, 48, 64, 100)]
    [(4, 1), (5, 2), (7, 2), (4, 3), (6, 3), (4, 4), (25, 2)]

    Raises:
        ConfigError: `resolution` is not a multiple of 4 from 8 to 256.
    """
    if not SMALLEST <= resolution <= LARGEST:
        nearest = min(max(resolution, SMALLEST), LARGEST)
        raise ConfigError(f"network: resolution {resolution} is outside {SMALLEST}..{LARGEST}", f"use {nearest}")
    if resolution % 4:
        below = resolution - resolution % 4
        raise ConfigError(f"network: resolution {resolution} is not a multiple of 4", f"use {below} or {below + 4}")
    base, n_doublings = resolution, 0
    while base % 2 == 0 and base // 2 >= 4:
        base, n_doublings = base // 2, n_doublings + 1
    return base, n_doublings


def image_shape(spec: Spec) -> tuple[int, int]:
    """(channels, resolution) of square images.

    Raises:
        ConfigError: `spec` describes points, or images that are not square.
    """
    if len(spec.shape) != 3:
        raise ConfigError(f"network: convolutions need images, and the data has shape {spec.shape}", "use network mlp")
    channels, height, width = spec.shape
    if height != width:
        raise ConfigError(f"network: images are {height}x{width}, not square", f"set resolution {min(height, width)}")
    return channels, width


def glorot(layer: L, gain: float = 1.0) -> L:
    """`layer`, with Glorot-uniform weights and zero biases. Glorot & Bengio 2010, eq. 16."""
    nn.init.xavier_uniform_(layer.weight, gain)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def upsampled(features: Tensor) -> Tensor:
    """Each pixel four times (nearest neighbour): [B, C, H, W] -> [B, C, 2H, 2W]."""
    return F.interpolate(features, scale_factor=2.0, mode="nearest")


def downsampled(features: Tensor) -> Tensor:
    """Mean of each 2x2 square: [B, C, H, W] -> [B, C, H/2, W/2]."""
    return F.avg_pool2d(features, 2)


def full_precision(features: Tensor) -> Tensor:
    """`features` in at least float32, whatever autocast made of them."""
    return features.to(torch.promote_types(features.dtype, torch.float32))


def residual_conv(in_channels: int, out_channels: int) -> nn.Conv2d:
    """A 3x3 convolution that keeps the size, with the gain sqrt 2 of the branch behind a ReLU."""
    return glorot(nn.Conv2d(in_channels, out_channels, 3, padding=1), math.sqrt(2))


class UpBlock(nn.Module):
    """Residual block of the SN-GAN generator, doubling the size. Miyato et al. 2018, arXiv:1802.05957, figure 5b.

    No ReLU works in place: the shortcut must carry the block's input itself, not its positive part.

    Args:
        in_channels, out_channels: C of the features before and behind.
        norm: normalization in front of both ReLUs.
        n_classes: K for class-conditional normalization; 0 for plain.
    """

    def __init__(self, in_channels: int, out_channels: int, norm: Norm, n_classes: int = 0) -> None:
        super().__init__()
        self.norm1 = ConditionalNorm(norm, in_channels, n_classes)
        self.conv1 = residual_conv(in_channels, out_channels)
        self.norm2 = ConditionalNorm(norm, out_channels, n_classes)
        self.conv2 = residual_conv(out_channels, out_channels)
        self.shortcut = glorot(nn.Conv2d(in_channels, out_channels, 1))

    def forward(self, features: Tensor, label: Tensor | None = None) -> Tensor:
        """[B, C, H, W], [B] -> [B, C', 2H, 2W]."""
        residual: Tensor = self.conv1(upsampled(F.relu(self.norm1(features, label))))
        residual = self.conv2(F.relu(self.norm2(residual, label)))
        # a 1x1 convolution and repeating pixels commute; in this order it costs a quarter
        return residual + upsampled(self.shortcut(features))


class DownBlock(nn.Module):
    """Residual block of the SN-GAN discriminator. Miyato et al. 2018, arXiv:1802.05957, figure 5a.

    No ReLU works in place: the shortcut must carry the block's input itself, not its positive part.

    Args:
        in_channels, out_channels: C of the features before and behind.
        norm: normalization in front of the ReLUs.
        down: whether the size is halved.
        first: whether the input is the image, which is neither normalized nor rectified ("optimized block").
    """

    def __init__(self, in_channels: int, out_channels: int, norm: Norm, down: bool, first: bool = False) -> None:
        super().__init__()
        hidden = out_channels if first else in_channels
        self.down = downsampled if down else nn.Identity()
        self.enter = nn.Identity() if first else nn.Sequential(plain_norm(norm, in_channels), nn.ReLU())
        self.conv1 = residual_conv(in_channels, hidden)
        self.norm = plain_norm(norm, hidden)
        self.conv2 = residual_conv(hidden, out_channels)
        learned = down or in_channels != out_channels
        self.shortcut = glorot(nn.Conv2d(in_channels, out_channels, 1)) if learned else nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C', H/2, W/2], or [B, C', H, W] where it does not halve."""
        residual: Tensor = self.conv1(self.enter(features))
        residual = self.conv2(F.relu(self.norm(residual)))
        # a 1x1 convolution and taking means commute; in this order it costs a quarter
        shortcut: Tensor = self.shortcut(self.down(features))
        return self.down(residual) + shortcut
