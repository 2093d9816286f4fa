import pytest
import torch
from torch import nn

from steadygan.game import Networks
from steadygan.spectral import SpectralNorm, Until, spectral_norm
from steadygan.stabilizers import SpectralNormalization


@pytest.mark.parametrize("on", ["discriminator", "generator", "both"])
def test_normalizes_the_chosen_players(on):
    networks = Networks(nn.Linear(3, 2), nn.Linear(2, 4))
    SpectralNormalization(on=on, coefficient=3).prepare(networks)
    of_generator, of_discriminator = (SpectralNorm.of(n).coefficient for n in (networks.generator, networks.discriminator))
    assert of_generator == ({} if on == "discriminator" else {"": 3.0})
    assert of_discriminator == ({} if on == "generator" else {"": 3.0})


@pytest.mark.parametrize(("on", "refreshed"), [("discriminator", [2, 1]), ("generator", [1, 2]), ("both", [2, 2])])
def test_only_the_chosen_players_are_refreshed(on, refreshed):
    networks = Networks(nn.Linear(3, 3), nn.Linear(2, 2))
    spectral_norm(networks.generator), spectral_norm(networks.discriminator)
    stabilizer = SpectralNormalization(on=on)
    stabilizer.project(networks.discriminator, 0)
    stabilizer.project_generator(networks.generator, 0)
    players = (networks.discriminator, networks.generator)
    assert [SpectralNorm.of(player).weights[0].group.refreshes for player in players] == refreshed


@pytest.mark.parametrize(("asked", "kept"), [(None, Until()), (3, 3)])
def test_iterations_reach_the_network(asked, kept):
    networks = Networks(nn.Identity(), nn.Linear(2, 2))
    SpectralNormalization(n_power_iterations=asked).prepare(networks)
    assert SpectralNorm.of(networks.discriminator).weights[0].group.iterations == kept


def test_sigma_follows_a_weight_that_moves():
    """Singular values 3 and 1: after n iterations sigma is short by at most tan(angle)^2 / 9^(2n) of itself."""
    networks = Networks(nn.Identity(), nn.Linear(2, 2, bias=False))
    stabilizer = SpectralNormalization()
    stabilizer.prepare(networks)
    layer = networks.discriminator
    with torch.no_grad():
        layer._parameters["weight"].copy_(torch.tensor([[1.0, 2.0], [2.0, 1.0]]))
    for step in range(5):
        stabilizer.project(layer, step)
    assert torch.linalg.matrix_norm(layer.weight, 2).item() == pytest.approx(1, abs=1e-6)
