"""Resnet: the residual players of SN-GAN."""

from itertools import pairwise
from typing import Literal

from pydantic import PositiveInt
from torch import nn

from steadygan.game import Networks
from steadygan.networks.base import Spec
from steadygan.networks.blocks import DownBlock, UpBlock, glorot, image_shape, ladder
from steadygan.networks.discriminator import Discriminator
from steadygan.networks.generator import Generator, PreActivation, Stem, ToImage
from steadygan.networks.labelled import LabelledArchitecture
from steadygan.networks.norms import ConditionalNorm

SMALL = 32  # up to here the paper's networks have the same number of channels everywhere

# resolution -> (blocks that halve, blocks that do not) in the paper's and the official discriminators
OFFICIAL_DEPTH = {48: (4, 1), 64: (5, 0), 128: (5, 1), 256: (6, 1)}


class Resnet(LabelledArchitecture):
    """The SN-GAN ResNet. Miyato et al. 2018, arXiv:1802.05957, tables 4 to 6; classes: Miyato & Koyama 2018, arXiv:1802.05637.

    With the default widths the 32x32 networks are the official ones: 4,276,739 and 1,053,824 parameters without classes,
    eleven weights in the discriminator for spectral normalization, sum pooling, no bias on the last linear layer. Above
    32 pixels channels double towards the small end; at 48 (paper), 64 and 128 pixels (official code) widths and depths are
    the published ones.

    What we do differently: "concat" joins the label to the image and not to the features in mid-network, so that one body
    serves every kind of conditioning; below 32 pixels the generator has fewer blocks; at 256 pixels, where the official
    widths follow no rule, ours go on doubling up to the same cap.

    Attributes:
        width_generator, width_discriminator: channels of the 32x32 networks; other resolutions scale with them.
    """

    name: Literal["resnet"] = "resnet"
    width_generator: PositiveInt = 256
    width_discriminator: PositiveInt = 128

    def build(self, spec: Spec) -> Networks:
        """Players for square images of 8 to 256 pixels, a multiple of 4."""
        return Networks(self.generator(spec), self.discriminator(spec))

    def generator_widths(self, resolution: int) -> list[int]:
        """Channels from the base square to full resolution.

        >>> [Resnet().generator_widths(resolution) for resolution in (32, 48)]
        [[256, 256, 256, 256], [512, 256, 128, 64]]
        >>> Resnet().generator_widths(128)
        [1024, 1024, 512, 256, 128, 64]
        """
        _, n_doublings = ladder(resolution)
        if resolution <= SMALL:
            return [self.width_generator] * (n_doublings + 1)
        quarter = max(1, self.width_generator // 4)
        return [quarter << min(halvings, 4) for halvings in range(n_doublings, -1, -1)]

    def discriminator_widths(self, resolution: int) -> tuple[list[int], int]:
        """(channels behind each block, how many of the blocks halve the size).

        >>> [Resnet().discriminator_widths(resolution) for resolution in (32, 48)]
        [([128, 128, 128, 128], 2), ([64, 128, 256, 512, 1024], 4)]
        >>> Resnet().discriminator_widths(128)
        ([64, 128, 256, 512, 1024, 1024], 5)
        """
        if resolution <= SMALL:
            return [self.width_discriminator] * 4, 2
        n_halving, n_keeping = OFFICIAL_DEPTH.get(resolution, (ladder(resolution)[1], 1))
        half = max(1, self.width_discriminator // 2)
        return [half << min(halvings, 4) for halvings in range(n_halving + n_keeping)], n_halving

    def generator(self, spec: Spec) -> Generator:
        """z -> images [B, C, H, W]."""
        channels, resolution = image_shape(spec)
        base, _ = ladder(resolution)
        widths = self.generator_widths(resolution)
        n_classes = self.n_classes(spec)
        blocks: list[nn.Module] = [UpBlock(*sizes, self.norm_generator, n_classes) for sizes in pairwise(widths)]
        last = glorot(nn.Conv2d(widths[-1], channels, 3, padding=1))
        # the last normalization is plain in class-conditional networks too, as in the official code
        blocks.append(PreActivation(ConditionalNorm(self.norm_generator, widths[-1]), nn.ReLU(), last))
        return Generator(spec, Stem(spec.z_dim, widths[0], base), blocks, ToImage())

    def discriminator(self, spec: Spec) -> Discriminator:
        """Images -> logit."""
        channels, resolution = image_shape(spec)
        ladder(resolution)  # refuses what the generator cannot draw
        widths, n_halving = self.discriminator_widths(resolution)
        body = nn.Sequential()
        for index, sizes in enumerate(pairwise([channels + self.n_planes(spec), *widths]), 1):
            block = DownBlock(*sizes, self.norm_discriminator, down=index <= n_halving, first=index == 1)
            body.add_module(f"block{index}", block)
        body.add_module("relu", nn.ReLU())
        return self.judge(spec, body, widths[-1], bias=resolution > SMALL)
