"""Dcgan: plain convolutional players, small enough for a CPU, and the CNN of the SN-GAN paper."""

from itertools import pairwise
from typing import Literal

from pydantic import PositiveInt
from torch import nn

from steadygan.game import Networks
from steadygan.networks.base import Spec
from steadygan.networks.blocks import glorot, image_shape, ladder
from steadygan.networks.discriminator import Discriminator
from steadygan.networks.generator import Generator, PreActivation, Stem, ToImage
from steadygan.networks.labelled import LabelledArchitecture
from steadygan.networks.norms import ConditionalNorm, bias_before, plain_norm

SLOPE = 0.1


def halving(n_in: int, n_out: int, bias: bool = True) -> nn.Conv2d:
    """A 4x4 convolution of stride 2: [B, C, H, W] -> [B, C', H/2, W/2]. The stride divides the kernel: no checkerboard."""
    return glorot(nn.Conv2d(n_in, n_out, 4, stride=2, padding=1, bias=bias))


def doubling(n_in: int, n_out: int, bias: bool = True) -> nn.ConvTranspose2d:
    """A transposed 4x4 convolution of stride 2: [B, C, H, W] -> [B, C', 2H, 2W]. The stride divides the kernel."""
    return glorot(nn.ConvTranspose2d(n_in, n_out, 4, stride=2, padding=1, bias=bias))


def keeping(n_in: int, n_out: int, bias: bool = True) -> nn.Conv2d:
    """A 3x3 convolution: [B, C, H, W] -> [B, C', H, W]."""
    return glorot(nn.Conv2d(n_in, n_out, 3, padding=1, bias=bias))


class Dcgan(LabelledArchitecture):
    """Strided convolutions only. Radford et al. 2016, arXiv:1511.06434; Miyato et al. 2018, arXiv:1802.05957, table 3.

    Generator: linear to the base square, then normalization, ReLU and a doubling convolution per doubling, then tanh.
    Discriminator: a halving convolution and leaky ReLU (slope 0.1) per doubling, then the head.
    With `extra_layers`, `width` 64 and `pooling` "flatten" it is the CNN of the SN-GAN paper for 32x32 and 48x48, widening
    where it halves, as in the authors' code.

    What we do differently: weights start Glorot-uniform. N(0, 0.02) was chosen for networks several times wider.

    Attributes:
        width: channels at full resolution, doubled with each halving (the first halved features have twice as many).
        max_width: cap of that doubling.
        extra_layers: 3x3 convolutions too: in the generator one at full resolution, in the discriminator one at every
            resolution. True for both players, or the name of one.
        pooling: whether the head reads every position ("flatten") or the sum over positions ("sum"). A sum grows with
            the area: bring its projection down with `projection_scale`.
    """

    name: Literal["dcgan"] = "dcgan"
    width: PositiveInt = 24
    max_width: PositiveInt = 512
    extra_layers: Literal[False, True, "generator", "discriminator"] = False
    pooling: Literal["flatten", "sum"] = "flatten"

    def build(self, spec: Spec) -> Networks:
        """Players for square images of 8 to 256 pixels, a multiple of 4."""
        return Networks(self.generator(spec), self.discriminator(spec))

    def widths(self, n_doublings: int) -> list[int]:
        """Channels at each resolution, full resolution first.

        >>> Dcgan(width=64).widths(4)
        [64, 128, 256, 512, 512]
        """
        return [min(self.width << halvings, self.max_width) for halvings in range(n_doublings + 1)]

    def generator(self, spec: Spec) -> Generator:
        """z -> images [B, C, H, W]."""
        channels, resolution = image_shape(spec)
        base, n_doublings = ladder(resolution)
        widths = self.widths(n_doublings)
        extra = self.extra_layers in (True, "generator")
        path = widths[::-1] if extra else widths[:0:-1]
        inner = bias_before(self.norm_generator)
        last = keeping(path[-1], channels) if extra else doubling(path[-1], channels)
        layers = [*(doubling(*sizes, inner) for sizes in pairwise(path)), last]
        # in front of a last 3x3 layer the normalization is plain, as in the residual generator: it is the costliest one
        n_classes = [self.n_classes(spec)] * (len(path) - extra) + [0] * extra
        norms = [ConditionalNorm(self.norm_generator, *sizes) for sizes in zip(path, n_classes, strict=True)]
        blocks = [PreActivation(norm, nn.ReLU(), layer) for norm, layer in zip(norms, layers, strict=True)]
        return Generator(spec, Stem(spec.z_dim, path[0], base), blocks, ToImage())

    def discriminator(self, spec: Spec) -> Discriminator:
        """Images -> logit."""
        channels, resolution = image_shape(spec)
        base, n_doublings = ladder(resolution)
        widths = self.widths(n_doublings)
        body = nn.Sequential()
        for index, conv in enumerate(self.convolutions(channels + self.n_planes(spec), widths), 1):
            body.add_module(f"conv{index}", conv)
            if index > 1:
                body.add_module(f"norm{index}", plain_norm(self.norm_discriminator, conv.out_channels))
            body.add_module(f"relu{index}", nn.LeakyReLU(SLOPE))
        return self.judge(spec, body, widths[-1], base * base if self.pooling == "flatten" else 1)

    def convolutions(self, channels: int, widths: list[int]) -> list[nn.Conv2d]:
        """The discriminator's convolutions in order, from `channels` input planes."""
        inner = bias_before(self.norm_discriminator)
        if self.extra_layers not in (True, "discriminator"):
            first, *others = pairwise([channels, *widths[1:]])
            return [halving(*first), *(halving(*sizes, inner) for sizes in others)]
        steps = [(halving(n_in, n_out, inner), keeping(n_out, n_out, inner)) for n_in, n_out in pairwise(widths)]
        return [keeping(channels, widths[0]), *(conv for step in steps for conv in step)]
