"""Fully connected players."""

import pytest
import torch
from torch import nn

from steadygan.networks import Mlp, Spec

torch.set_num_threads(1)


def linears(module: nn.Module) -> list[tuple[int, int]]:
    return [(layer.in_features, layer.out_features) for layer in module.modules() if isinstance(layer, nn.Linear)]


def test_depth_counts_hidden_layers():
    networks = Mlp(width=16, depth_generator=2, depth_discriminator=2).build(Spec(shape=(2,), z_dim=4))
    assert linears(networks.generator) == [(4, 16), (16, 16), (16, 2)]
    assert linears(networks.discriminator) == [(2, 16), (16, 16), (16, 1)]


def test_points_leave_the_generator_without_a_bound():
    generator = Mlp(width=16).build(Spec(shape=(2,), z_dim=4)).generator
    assert generator(1e3 * torch.randn(64, 4, generator=torch.Generator().manual_seed(0))).abs().max() > 1


def test_first_kinks_are_spread_over_the_plane():
    torch.manual_seed(0)
    discriminator = Mlp().build(Spec(shape=(2,))).discriminator
    first = next(layer for layer in discriminator.modules() if isinstance(layer, nn.Linear))
    assert first.bias.abs().mean() > 0.1


@pytest.mark.parametrize(("activation", "layer"), [("relu", nn.ReLU), ("leaky_relu", nn.LeakyReLU), ("tanh", nn.Tanh)])
def test_the_activation_stands_behind_every_hidden_layer_of_both(activation, layer):
    networks = Mlp(
        width=8, depth_generator=4, depth_discriminator=4, activation_discriminator=activation, activation_generator=activation
    ).build(Spec(shape=(2,)))
    for player in (networks.generator, networks.discriminator):
        assert sum(isinstance(module, layer) for module in player.modules()) == 4


def test_a_signal_keeps_its_size_through_many_layers():
    """He weights keep the mean square of ReLU features; 10 layers without them (torch's default) shrink it 6^10-fold."""
    torch.manual_seed(0)
    body = Mlp(width=256, depth_discriminator=10, activation_discriminator="relu").build(Spec(shape=(64,))).discriminator.body
    mean_square = body(torch.randn(64, 64)).square().mean()
    assert 0.1 < mean_square < 10


def test_scale_is_a_change_of_units():
    """Points eight times as large, at scale 8, look to both players as before; a power of 2 rounds nothing."""
    spec, z = Spec(shape=(2,), z_dim=4), torch.randn(8, 4, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(0)
    plain = Mlp(width=16).build(spec)
    torch.manual_seed(0)
    scaled = Mlp(width=16, scale=8.0).build(spec)
    points = plain.generator(z)
    assert torch.equal(scaled.generator(z), 8 * points)
    assert torch.equal(scaled.discriminator(8 * points), plain.discriminator(points))
