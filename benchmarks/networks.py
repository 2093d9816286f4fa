"""Networks and data that benchmarks share: those of the SN-GAN paper at 32 x 32, arXiv:1802.05957, tables 3 and 4."""

import torch
from torch import Tensor, nn

from steadygan.data import source_for
from steadygan.networks.base import Spec
from steadygan.networks.resnet import Resnet


def discriminator_resnet(channels: int) -> nn.Module:
    """The residual discriminator, eleven weights."""
    networks = Resnet(width_discriminator=channels, width_generator=16).build(Spec(shape=(3, 32, 32)))
    return networks.discriminator


def discriminator_cnn(width: int) -> nn.Module:
    """The plain one: seven convolutions and a linear layer."""
    layers: list[nn.Module] = []
    channels = 3
    for wide in (width, 2 * width, 4 * width):
        layers += [nn.Conv2d(channels, wide, 3, 1, 1), nn.LeakyReLU(0.1), nn.Conv2d(wide, 2 * wide, 4, 2, 1), nn.LeakyReLU(0.1)]
        channels = 2 * wide
    layers += [nn.Conv2d(channels, 8 * width, 3, 1, 1), nn.LeakyReLU(0.1), nn.Flatten(), nn.Linear(8 * width * 16, 1)]
    return nn.Sequential(*layers)


def generator_cnn(width: int) -> nn.Module:
    """z of 128 numbers -> images [B, 3, 32, 32]."""
    layers: list[nn.Module] = [
        nn.Linear(128, 8 * width * 16),
        nn.Unflatten(1, (8 * width, 4, 4)),
        nn.BatchNorm2d(8 * width),
        nn.ReLU(),
    ]
    for wide in (4 * width, 2 * width, width):
        layers += [nn.ConvTranspose2d(2 * wide, wide, 4, 2, 1), nn.BatchNorm2d(wide), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(width, 3, 3, 1, 1), nn.Tanh())


def fashion() -> Tensor:
    """The embedded images in [-1, 1], grey in three channels with a margin: [10000, 3, 32, 32]."""
    images = torch.as_tensor(source_for("fashion-mnist-test").open().examples[:]).float() / 127.5 - 1
    return nn.functional.pad(images, (2, 2, 2, 2), value=-1).repeat(1, 3, 1, 1)
