import pytest
import torch
from torch import nn

from steadygan.game import Networks
from steadygan.spectral import SpectralNorm
from steadygan.stabilizers import SpectralNormalization


@pytest.mark.parametrize("on", ["discriminator", "generator", "both"])
def test_normalizes_the_chosen_players(on):
    networks = Networks(nn.Linear(3, 2), nn.Linear(2, 4))
    SpectralNormalization(on=on, coefficient=3).prepare(networks)
    of_generator, of_discriminator = (SpectralNorm.of(n).coefficient for n in (networks.generator, networks.discriminator))
    assert of_generator == ({} if on == "discriminator" else {"": 3.0})
    assert of_discriminator == ({} if on == "generator" else {"": 3.0})


@pytest.mark.parametrize(("step", "iterations"), [(0, 7), (9, 7), (10, 3), (1000, 3)])
def test_more_iterations_in_the_first_steps(step, iterations, monkeypatch):
    seen = []
    monkeypatch.setattr(SpectralNorm, "refresh", lambda self, n=None: seen.append(n))
    stabilizer = SpectralNormalization(start_up_steps=10, start_up_iterations=7, n_power_iterations=3, on="both")
    stabilizer.project(nn.Linear(2, 2), step)
    stabilizer.project_generator(nn.Linear(2, 2), step)
    assert seen == [iterations, iterations]


@pytest.mark.parametrize(("on", "refreshed"), [("discriminator", ["D"]), ("generator", ["G"]), ("both", ["D", "G"])])
def test_only_the_chosen_players_are_refreshed(on, refreshed, monkeypatch):
    seen = []
    players = {"D": nn.Linear(2, 2), "G": nn.Linear(3, 3)}
    monkeypatch.setattr(SpectralNorm, "of", lambda network: seen.append(network) or SpectralNorm({}))
    stabilizer = SpectralNormalization(on=on)
    stabilizer.project(players["D"], 0)
    stabilizer.project_generator(players["G"], 0)
    assert seen == [players[name] for name in refreshed]


def test_sigma_follows_a_weight_that_moves():
    """Singular values 3 and 1: after n iterations sigma is short by at most tan(angle)^2 / 9^(2n) of itself."""
    networks = Networks(nn.Identity(), nn.Linear(2, 2, bias=False))
    stabilizer = SpectralNormalization()
    stabilizer.prepare(networks)
    layer = networks.discriminator
    with torch.no_grad():
        layer.parametrizations.weight.original.copy_(torch.tensor([[1.0, 2.0], [2.0, 1.0]]))
    for step in range(5):
        stabilizer.project(layer, step)
    assert torch.linalg.matrix_norm(layer.weight, 2).item() == pytest.approx(1, abs=1e-6)
