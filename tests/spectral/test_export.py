"""Checkpoints for those who do not have ours: plain networks, and torch's own spectral normalization."""

import copy
import pickle

import pytest
import torch
from spectral_cases import TORCHS
from torch import nn

from steadygan.errors import NetworkError
from steadygan.spectral import MODES, SpectralNorm, remove_spectral_norm, spectral_norm, weights
from steadygan.spectral.export import plain_state_dict, torch_state_dict


class Network(nn.Module):
    """Every kind of layer that torch normalizes as we do, one of them in two places, one not normalized."""

    def __init__(self):
        super().__init__()
        self.shared = nn.Conv2d(4, 4, 3, padding=1)
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 3), self.shared, nn.Tanh(), self.shared, nn.ConvTranspose2d(4, 2, 4))
        self.norm, self.head = nn.BatchNorm2d(2), nn.Linear(2, 3)

    def forward(self, x):
        return self.head(self.norm(self.layers(x)).mean((2, 3)))


class Grouped(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(3, 6, 3, groups=3), nn.Conv2d(6, 6, 1), nn.Flatten(), nn.Linear(6 * 36, 3))


def used(make=Network, **settings) -> nn.Module:
    net = make()
    spectral_norm(net, **settings)
    net(torch.randn(2, 3, 8, 8)).sum().backward()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    net(torch.randn(2, 3, 8, 8))
    return net.eval()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("make", [Network, Grouped])
def test_the_plain_state_is_that_of_a_network_never_normalized(make, mode):
    net, plain, x = used(make, mode=mode), make().eval(), torch.randn(2, 3, 8, 8)
    before, buffers = net(x), copy.deepcopy(net.state_dict())
    state = plain_state_dict(net)
    plain.load_state_dict(state)
    assert torch.allclose(plain(x), before, atol=1e-6)  # float32, sums of a few hundred terms below 1
    assert torch.equal(net(x), before)
    assert all(torch.equal(value, buffers[key]) for key, value in net.state_dict().items())
    remove_spectral_norm(net)
    removed = net.state_dict()
    assert set(state) == set(removed)
    assert all(torch.equal(value, removed[key]) for key, value in state.items())


@pytest.mark.parametrize("state_of", [plain_state_dict, torch_state_dict])
def test_writing_into_weights_and_vectors_of_a_state_leaves_the_network_alone(state_of):
    net = used()
    before = [one.value.clone() for one in weights(net)]
    for name, value in state_of(net).items():
        if value.dim() > 1 or name[-2:] in ("_u", "_v"):
            value.zero_()
    SpectralNorm.of(net).set_coefficient(1.0)  # forgets what is remembered
    assert all(torch.equal(one.value, old) for one, old in zip(weights(net), before, strict=True))


def test_the_plain_state_of_tied_weights_is_tied():
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    net[1].weight = net[0].weight
    spectral_norm(net)
    state = plain_state_dict(net)
    assert list(state) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert state["0.weight"] is state["1.weight"]


def test_a_single_layer_and_a_plain_network():
    layer = nn.Linear(4, 4)
    assert list(plain_state_dict(layer)) == ["weight", "bias"]
    spectral_norm(layer)
    assert list(plain_state_dict(layer)) == ["weight", "bias"]
    assert torch.equal(plain_state_dict(layer)["weight"], layer.weight)


@pytest.mark.parametrize("form", TORCHS)
def test_torchs_own_has_the_same_outputs_and_trains_on(form):
    net, theirs, x = used(), Network(), torch.randn(2, 3, 8, 8)
    for one in weights(theirs):
        TORCHS[form](one.layer)
    theirs.load_state_dict(torch_state_dict(net, form))
    assert torch.allclose(theirs.eval()(x), net(x), atol=1e-5)
    assert torch.allclose(theirs.train()(x), net.train()(x), atol=0.02)  # torch iterates once more, from a residual of 0.03
    back = Network()
    spectral_norm(back)
    back.load_state_dict(torch_state_dict(net, form))
    assert all(torch.equal(a, b) for a, b in zip(back.parameters(), net.parameters(), strict=True))


def test_a_pickled_network_is_written_alike():
    net = used()
    again = pickle.loads(pickle.dumps(net))
    assert all(torch.equal(value, torch_state_dict(net)[key]) for key, value in torch_state_dict(again).items())


@pytest.mark.parametrize("settings", [{"mode": "soft"}, {"mode": "gain"}, {"coefficient": 2.0}, {"make": Grouped}], ids=str)
def test_what_torch_cannot_do_is_refused(settings):
    net = used(**settings)
    name = next(weights(net)).name
    with pytest.raises(NetworkError, match=f"torch cannot normalize '{name}' as it is here; plain_state_dict"):
        torch_state_dict(net)
