"""The SN-GAN ResNet against the published networks."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from steadygan.errors import ConfigError
from steadygan.networks import Resnet, Spec

torch.set_num_threads(1)


def n_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def weights(module: nn.Module) -> list[nn.Module]:
    kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.Embedding)
    return [layer for layer in module.modules() if isinstance(layer, kinds)]


def test_the_32_pixel_networks_have_the_official_number_of_parameters():
    networks = Resnet().build(Spec(shape=(3, 32, 32), z_dim=128))
    assert n_parameters(networks.generator) == 4_276_739
    assert n_parameters(networks.discriminator) == 1_053_824
    assert len(weights(networks.discriminator)) == 11


def test_classes_add_the_projection_and_conditional_batch_norm():
    """An embedding of 10 x 128; and in six batch norms of 256 channels, 10 scales and shifts in place of one."""
    networks = Resnet().build(Spec(shape=(3, 32, 32), n_classes=10, z_dim=128))
    assert n_parameters(networks.discriminator) == 1_053_824 + 10 * 128
    assert n_parameters(networks.generator) == 4_276_739 + 6 * 2 * 256 * 9
    assert len(weights(networks.discriminator)) == 12


def test_the_32_pixel_discriminator_halves_twice():
    discriminator = Resnet(width_discriminator=8).build(Spec(shape=(3, 32, 32))).discriminator
    assert discriminator.features(torch.zeros(2, 3, 32, 32)).shape == (2, 8, 8, 8)


def block_parameters(n_in: int, n_out: int, n_hidden: int, norm: bool) -> int:
    """Two 3x3 convolutions and a 1x1 shortcut with biases, and with `norm` scale and shift in front of both."""
    sizes = (9 * n_in + 1) * n_hidden + (9 * n_hidden + 1) * n_out + (n_in + 1) * n_out
    return sizes + (2 * (n_in + n_hidden) if norm else 0)


@pytest.mark.parametrize(
    ("resolution", "of_generator", "of_discriminator", "last_square"),
    [
        (48, [512, 256, 128, 64], [64, 128, 256, 512, 1024], 3),
        (64, [1024, 512, 256, 128, 64], [64, 128, 256, 512, 1024], 2),
        (128, [1024, 1024, 512, 256, 128, 64], [64, 128, 256, 512, 1024, 1024], 4),
    ],
)
def test_larger_networks_have_the_published_widths(resolution, of_generator, of_discriminator, last_square):
    spec = Spec(shape=(3, resolution, resolution), z_dim=128)
    with torch.device("meta"):
        networks = Resnet().build(spec)
    base = resolution >> (len(of_generator) - 1)
    pairs = list(pairwise(of_generator))
    stem, last = 129 * of_generator[0] * base**2, 2 * 64 + (9 * 64 + 1) * 3
    assert n_parameters(networks.generator) == stem + sum(block_parameters(i, o, o, True) for i, o in pairs) + last
    path = [3, *of_discriminator]
    pairs = list(pairwise(path))
    hidden = [of_discriminator[0], *of_discriminator[:-1]]
    shortcut_free = 1024 * 1025 if of_discriminator[-1] == of_discriminator[-2] else 0  # equal width, equal size: identity
    blocks = sum(block_parameters(i, o, h, False) for (i, o), h in zip(pairs, hidden, strict=True)) - shortcut_free
    assert n_parameters(networks.discriminator) == blocks + 1025
    features = networks.discriminator.features(torch.zeros(2, *spec.shape, device="meta"))
    assert features.shape == (2, 1024, last_square, last_square)


def test_first_weights_have_the_gain_of_the_official_code():
    """Glorot-uniform: the largest of 16,384 or more draws is within 1 % of the bound, but for e^-164."""
    torch.manual_seed(0)
    block = Resnet().build(Spec(shape=(3, 32, 32))).discriminator.body.block2
    assert block.conv1.weight.abs().max().item() == pytest.approx((2 * 6 / (2 * 128 * 9)) ** 0.5, rel=0.01)
    assert block.shortcut.weight.abs().max().item() == pytest.approx((6 / (2 * 128)) ** 0.5, rel=0.01)


def test_the_last_normalization_is_plain_with_classes_too():
    generator = Resnet(width_generator=8).build(Spec(shape=(3, 32, 32), n_classes=10)).generator
    assert generator.blocks[-1].norm.n_classes == 0


def test_a_resolution_that_the_generator_cannot_draw_is_refused():
    with pytest.raises(ConfigError, match="use 48 or 52"):
        Resnet().build(Spec(shape=(3, 50, 50)))
