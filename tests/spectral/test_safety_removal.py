"""`remove_spectral_norm`: the network is what it was before, with the weights that it read."""

import copy

import pytest
import torch
from spectral_cases import redraw
from torch import Tensor, nn

from steadygan.errors import NetworkError
from steadygan.spectral import MODES, SpectralNorm, remove_spectral_norm, spectral_norm


def network() -> nn.Sequential:
    layers = nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 4, 3, groups=2), nn.ReLU(), nn.ConvTranspose2d(4, 2, 3), nn.Flatten()
    return nn.Sequential(*layers, nn.Linear(18, 4), nn.Linear(4, 1))


def images() -> Tensor:
    return torch.ones(2, 3, 5, 5) + torch.arange(5.0)


def trained(net: nn.Module) -> None:
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    for _ in range(2):
        net(images()).square().mean().backward()
        optimizer.step()


def as_is(net: nn.Module) -> nn.Module:
    return net


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("of", [as_is, copy.deepcopy])
@pytest.mark.parametrize("automatic", [True, False])
def test_removal_bakes_to_the_last_bit_and_restores_everything(mode, of, automatic):
    net = network()
    names, classes = list(net.state_dict()), [type(layer) for layer in net.modules()]
    kept = dict(net.named_parameters())
    norm = spectral_norm(net, mode=mode, automatic=automatic)
    trained(net)
    norm.refresh()
    expected = net(images())
    baked = of(net)
    remove_spectral_norm(baked)
    assert torch.equal(baked(images()), expected)
    assert list(baked.state_dict()) == names
    assert [type(layer) for layer in baked.modules()] == classes
    assert SpectralNorm.of(baked).layers == {}
    assert all(isinstance(layer.weight, nn.Parameter) for layer in baked if hasattr(layer, "weight"))
    if of is as_is:
        assert all(parameter is kept[name] for name, parameter in net.named_parameters())
    else:
        assert len(SpectralNorm.of(net).weights) == 5
        assert torch.equal(net(images()), expected)
    assert not [key for layer in baked.modules() for key in vars(layer) if "normalized" in key]


def test_what_was_removed_can_be_normalized_again_trained_and_saved():
    net = network()
    spectral_norm(net)
    remove_spectral_norm(net)
    norm = spectral_norm(net)
    assert list(norm.sigma.values()) == pytest.approx([1.0] * 5, rel=0.01)  # burn-in ends at residual 0.003
    trained(net)
    remove_spectral_norm(net)
    trained(net)
    fresh = network()
    fresh.load_state_dict(net.state_dict())
    assert torch.equal(fresh(images()), net(images()))


def test_an_optimizer_goes_on_after_removal():
    net = network()
    spectral_norm(net)
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    net(images()).mean().backward()
    remove_spectral_norm(net)
    before = net[0].weight.detach().clone()
    optimizer.zero_grad()
    net(images()).mean().backward()
    optimizer.step()
    assert not torch.equal(net[0].weight, before)


def test_removal_from_a_part_leaves_the_rest_normalized():
    net = network()
    spectral_norm(net)
    remove_spectral_norm(net[0])
    assert list(SpectralNorm.of(net).layers) == ["2", "4", "6", "7"]
    trained(net)
    SpectralNorm.of(net).refresh(50)
    assert float(torch.linalg.matrix_norm(net[6].weight.detach(), 2)) == pytest.approx(1, rel=1e-4)
    remove_spectral_norm(net)
    remove_spectral_norm(net)  # nothing is left, which is no error
    assert SpectralNorm.of(net).weights == []


class Tied(nn.Module):
    """Two layers that share a weight, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(5, 5), nn.Linear(5, 5), nn.Linear(5, 1)
        self.second.weight = self.first.weight

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.second(self.first(inputs).tanh()).tanh())


@pytest.mark.parametrize("of", [as_is, copy.deepcopy])
@pytest.mark.parametrize("mode", MODES)
def test_tied_weights_stay_tied(of, mode):
    net = Tied()
    names = list(net.state_dict())
    spectral_norm(net, mode=mode)
    inputs = torch.ones(2, 5)
    expected = net(inputs)
    baked = of(net)
    remove_spectral_norm(baked)
    assert baked.first.weight is baked.second.weight
    assert torch.equal(baked(inputs), expected)
    assert list(baked.state_dict()) == names


@pytest.mark.parametrize("part", ["first", "second"])
def test_removal_from_one_of_two_tied_layers(part):
    """Not both can have their way: refused, and nothing is changed."""
    net = Tied()
    spectral_norm(net)
    expected = net(torch.ones(2, 5))
    with pytest.raises(NetworkError, match="shares its weight"):
        remove_spectral_norm(getattr(net, part))
    assert torch.equal(net(torch.ones(2, 5)), expected)
    remove_spectral_norm(copy.deepcopy(net))
    remove_spectral_norm(net)


@pytest.mark.parametrize("kind", ["torch", "plain"])
@pytest.mark.parametrize("automatic", [True, False])
def test_tied_weights_load_from_what_others_wrote(kind, automatic):
    source = Tied()
    redraw(source)
    if kind == "torch":
        for layer in (source.first, source.second, source.head):
            torch.nn.utils.parametrizations.spectral_norm(layer)
    net = Tied()
    spectral_norm(net, automatic=automatic)
    net.load_state_dict(source.state_dict())
    net.eval()
    net(torch.ones(2, 5))
    assert net.first._parameters["weight"] is net.second._parameters["weight"]
    assert float(torch.linalg.matrix_norm(net.second.weight.detach(), 2)) == pytest.approx(1, rel=0.01)
