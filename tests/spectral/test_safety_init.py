"""Initialization after normalization is what it is on a plain layer, in every way that people write it and at any moment."""

import copy

import pytest
import torch
from spectral_cases import saved
from torch import nn

from steadygan.spectral import SpectralNorm, remove_spectral_norm, spectral_norm

ROWS, COLUMNS = 12, 8


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(COLUMNS, ROWS), nn.ReLU(), nn.Linear(ROWS, 3))


def batch() -> torch.Tensor:
    return torch.randn(4, COLUMNS)


def new_weight() -> torch.Tensor:
    """Far from what is there, and of norm 3."""
    random = torch.Generator().manual_seed(5)
    weight = torch.randn(ROWS, COLUMNS, generator=random)
    return 3 * weight / torch.linalg.matrix_norm(weight, 2)


def in_place(layer: nn.Linear) -> None:
    with torch.no_grad():
        layer.weight.copy_(new_weight())


def by_init(layer: nn.Linear) -> None:
    nn.init.zeros_(layer.weight)
    with torch.no_grad():
        layer.weight.add_(new_weight())


def by_data(layer: nn.Linear) -> None:
    layer.weight.data.copy_(new_weight())


def by_replacement(layer: nn.Linear) -> None:
    layer.weight = nn.Parameter(new_weight())


def by_load(layer: nn.Linear) -> None:
    layer.load_state_dict({"weight": new_weight(), "bias": torch.zeros(ROWS)})


WAYS = {"in place": in_place, "init": by_init, ".data": by_data, "new parameter": by_replacement, "load": by_load}


def fresh(net: nn.Module, norm: SpectralNorm) -> None:
    """Nothing has happened yet."""


def passed(net: nn.Module, norm: SpectralNorm) -> None:
    net(batch())


def evaluated(net: nn.Module, norm: SpectralNorm) -> None:
    net.eval()
    with torch.no_grad():
        net(batch())
    net.train()


def stepped(net: nn.Module, norm: SpectralNorm) -> None:
    optimizer = torch.optim.Adam(net.parameters(), 0.05)
    net(batch()).square().mean().backward()
    optimizer.step()


def loaded(net: nn.Module, norm: SpectralNorm) -> None:
    net.load_state_dict(copy.deepcopy(net.state_dict()))


def replaced(net: nn.Module, norm: SpectralNorm) -> None:
    net[0].weight = nn.Parameter(torch.randn(ROWS, COLUMNS))


def moved(net: nn.Module, norm: SpectralNorm) -> None:
    net.double().float()


MOMENTS = {one.__name__: one for one in (fresh, passed, evaluated, stepped, loaded, replaced, moved)}


def check(net: nn.Module) -> None:
    """The first layer stores the new weight, and after a pass reads it normalized."""
    net(batch())
    assert torch.equal(net[0]._parameters["weight"], new_weight())
    SpectralNorm.of(net).refresh(100)
    assert torch.allclose(net[0].weight, new_weight() / 3, atol=1e-5)  # a converged sigma of float32


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("automatic", [True, False])
def test_initialization_after_normalization(way, moment, automatic):
    net = network()
    MOMENTS[moment](net, spectral_norm(net, automatic=automatic))
    WAYS[way](net[0])
    check(net)


@pytest.mark.parametrize("way", WAYS)
def test_initialization_of_a_copy_leaves_the_original(way):
    net = network()
    spectral_norm(net)
    net(batch())
    before = net[0].weight.detach().clone()
    twin = copy.deepcopy(net)
    WAYS[way](twin[0])
    check(twin)
    net(batch())
    assert torch.equal(net[0].weight, before)


def through_state_dict(net: nn.Module) -> nn.Module:
    twin = network()
    spectral_norm(twin)
    twin.load_state_dict(net.state_dict())
    return twin


NEXT = {
    "deepcopy": copy.deepcopy,
    "save": saved,
    "state_dict": through_state_dict,
    "to": lambda net: net.double().float(),
    "share_memory": lambda net: net.share_memory(),
}


@pytest.mark.parametrize("way", [in_place, by_init, by_data])
@pytest.mark.parametrize("after", NEXT)
@pytest.mark.parametrize("first", [fresh, passed])
def test_what_comes_between_initialization_and_the_next_pass(way, after, first):
    net = network()
    first(net, spectral_norm(net))
    way(net[0])
    check(NEXT[after](net))


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("automatic", [True, False])
def test_one_entry_is_enough(moment, automatic):
    net = network()
    MOMENTS[moment](net, spectral_norm(net, automatic=automatic))
    with torch.no_grad():
        net[0].weight[1, 3] = 9.0
    net(batch())
    assert net[0]._parameters["weight"][1, 3].item() == 9


def test_state_dict_right_after_initialization():
    net = network()
    spectral_norm(net)
    net.apply(lambda layer: nn.init.orthogonal_(layer.weight) if isinstance(layer, nn.Linear) else None)
    weight = net.state_dict()["0.weight"]
    assert torch.allclose(weight.T @ weight, torch.eye(COLUMNS), atol=1e-5)  # orthogonal to float32


@pytest.mark.parametrize("way", [in_place, by_data])
def test_removal_right_after_initialization_bakes_the_normalized_weight(way):
    net = network()
    spectral_norm(net)
    way(net[0])
    remove_spectral_norm(net)
    assert float(torch.linalg.matrix_norm(net[0].weight.detach(), 2)) == pytest.approx(
        1, rel=0.01
    )  # burn-in stops at residual 0.003


@pytest.mark.parametrize("way", [in_place, by_data])
def test_sigma_right_after_initialization_and_a_refresh(way):
    net = network()
    norm = spectral_norm(net)
    way(net[0])
    norm.refresh()
    assert norm.sigma["0"] == pytest.approx(3, rel=0.01)


def test_reset_parameters_is_what_it_is_on_a_plain_layer():
    net, plain = network(), network()
    optimizer = torch.optim.Adam(net.parameters())
    spectral_norm(net)
    net(batch()).sum().backward()
    optimizer.step()
    torch.manual_seed(7)
    net[0].reset_parameters()
    torch.manual_seed(7)
    plain[0].reset_parameters()
    net(batch())
    assert torch.equal(net[0]._parameters["weight"], plain[0].weight)


def test_all_layers_at_once_as_gan_code_does_it():
    net = nn.Sequential(nn.Conv2d(3, 8, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 4, 2, 1))

    def initialize(module: nn.Module) -> None:
        if "Conv" in module.__class__.__name__:
            nn.init.normal_(module.weight.data, 0.0, 0.02)
            nn.init.constant_(module.bias.data, 0)

    norm = spectral_norm(net)
    before = dict(norm.sigma)
    net.apply(initialize)
    net(torch.randn(2, 3, 8, 8))
    assert all(layer._parameters["weight"].std() < 0.03 for layer in (net[0], net[2]))  # 0.02 of 384 and 128 draws
    assert all(norm.sigma[name] < 0.6 * before[name] for name in before)
