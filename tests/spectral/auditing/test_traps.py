"""Every trap of weights and training: a network that stands in it, and one as like it as can be that does not."""

import math

import pytest
import torch
import torch.nn.functional as F
from spectral_audits import converged, normed, traps
from torch import nn
from torch.nn.utils import spectral_norm as torch_hook
from torch.nn.utils.parametrizations import spectral_norm as torch_norm

from steadygan.spectral import spectral_norm
from steadygan.spectral.audit import audit
from steadygan.spectral.auditing.traps import TRAPS


def test_a_healthy_network_gets_no_warning():
    net = converged(normed(nn.Conv2d(3, 8, 3), nn.LeakyReLU(0.1, True), nn.Flatten(), nn.Linear(8 * 36, 1)))
    decaying = torch.optim.AdamW([net[0].bias], weight_decay=0.1)
    assert traps(net, (3, 8, 8), optimizer=decaying, loss="hinge") == []


@pytest.mark.parametrize("form", [torch_norm, torch_hook])
def test_uncovered_layers_by_what_they_are(form):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(8, 1)  # registered first, called last
            self.one, self.two, self.three = (form(nn.Linear(8, 8)) for _ in range(3))
            self.bare, self.embedding = nn.Linear(8, 8), nn.Embedding(5, 8)

        def forward(self, x, label=None):
            x = self.bare(self.three(self.two(self.one(x))))
            return self.head(x)

    found = [each for each in traps(Net(), (8,)) if each[0].startswith("uncovered")]
    assert found == [("uncovered last layer", "head"), ("uncovered layer", "bare"), ("uncovered embedding", "embedding")]


def test_a_network_that_is_mostly_bare_gets_one_warning_and_a_bare_one_none():
    net = nn.Sequential(converged(torch_norm(nn.Linear(3, 3))), nn.Linear(3, 3), nn.Linear(3, 1))
    assert traps(net) == [("mostly uncovered", "1, 2")]
    assert traps(nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))) == []


@pytest.mark.parametrize("norm", ["torch", "hook", "ours"])
def test_weight_decay_on_what_is_normalized(norm):
    net = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 1))
    if norm == "ours":
        spectral_norm(net).refresh(50)
    else:
        net = converged(normed(*net, form={"torch": torch_norm, "hook": torch_hook}[norm]))
        for _ in range(200):
            net(torch.zeros(1, 6))
    decay = "weight decay under spectral norm"
    assert traps(net, optimizer=torch.optim.AdamW(net.parameters())) == [(decay, "0, 2")]
    assert traps(net, optimizer=torch.optim.Adam(net.parameters())) == []
    biases = [p for p in net.parameters() if p.dim() == 1]
    others = [p for p in net.parameters() if p.dim() > 1]
    groups = [{"params": biases, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    assert traps(net, optimizer=torch.optim.SGD(groups, lr=0.1)) == []
    assert traps(nn.Linear(3, 1), optimizer=torch.optim.AdamW(net.parameters())) == []


class Equalized(nn.Module):
    """A layer as StyleGAN's: its weight is multiplied by a gain in each pass."""

    def __init__(self, gain):
        super().__init__()
        self.weight, self.weight_gain = nn.Parameter(torch.randn(4, 4)), gain

    def forward(self, x):
        return F.linear(x, self.weight * self.weight_gain)


def test_equalized_learning_rate():
    found = "equalized learning rate under spectral norm"
    assert traps(nn.Sequential(converged(torch_norm(Equalized(0.25))))) == [(found, "0")]
    assert "0.25" in audit(nn.Sequential(torch_norm(Equalized(0.25)))).warnings[0].why
    assert traps(nn.Sequential(converged(torch_norm(Equalized(1.0))))) == []
    assert traps(nn.Sequential(Equalized(0.25))) == []


def test_wasserstein_without_a_gain():
    def net(coefficient):
        network = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 1))
        spectral_norm(network, coefficient).refresh(50)
        return network

    assert traps(net(1.0), loss="wasserstein") == [("Wasserstein loss without a gain", "(the network)")]
    assert traps(net(4.0), loss="wasserstein") == []
    assert traps(net(1.0), loss="hinge") == []
    assert traps(nn.Linear(3, 1), loss="wasserstein") == []


@pytest.mark.parametrize("form", [torch_norm, torch_hook])
def test_transposed_convolutions_along_the_wrong_axis(form):
    trap = "transposed convolution with dim=0"
    wrong, right = nn.Sequential(form(nn.ConvTranspose2d(3, 5, 4), dim=0)), nn.Sequential(form(nn.ConvTranspose2d(3, 5, 4)))
    assert (trap, "0") in traps(wrong)
    assert trap not in [each for each, _ in traps(right)]


def test_spectral_norm_applied_twice():
    trap = ("spectral norm applied twice", "0")
    assert trap in traps(nn.Sequential(torch_norm(torch_norm(nn.Linear(4, 4)))))
    assert trap not in traps(nn.Sequential(torch_norm(nn.Linear(4, 4))))


@pytest.mark.parametrize("form", [torch_norm, torch_hook])
def test_stale_vectors(form):
    net = nn.Sequential(form(nn.Linear(32, 32)))
    for _ in range(300):
        net(torch.zeros(1, 32))
    assert traps(net) == []
    stored = next(p for p in net.parameters() if p.dim() == 2)
    torch.nn.init.orthogonal_(stored.data)
    stored.data[0] *= 4
    (found,) = audit(net).warnings
    assert (found.trap, found.place) == ("sigma far from promised", "0")
    assert f"{audit(net).rows[0].error:.0%}" in found.why


def test_one_sigma_for_several_maps():
    trap = "one sigma for several maps"
    assert (trap, "0") in traps(nn.Sequential(torch_norm(nn.Conv2d(4, 8, 3, groups=2))))
    assert traps(nn.Sequential(converged(torch_norm(nn.Conv2d(4, 8, 3))))) == []
    attention = nn.MultiheadAttention(8, 2)
    torch_norm(attention, "in_proj_weight")
    assert (trap, "in_proj_weight") in traps(attention)
    ours = nn.Sequential(nn.Conv2d(4, 8, 3, groups=2))
    spectral_norm(ours).refresh(50)
    assert traps(ours) == []


@pytest.mark.parametrize("form", [torch_norm, torch_hook])
def test_vectors_under_spectral_norm(form):
    trap = "spectral norm of a vector"
    assert (trap, "1.weight") in traps(nn.Sequential(nn.Linear(3, 3), form(nn.LayerNorm(3))))
    assert trap not in [each for each, _ in traps(nn.Sequential(form(nn.Linear(3, 3)), nn.LayerNorm(3)))]


def test_zero_and_not_finite_weights():
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3))
    net[0].weight.data.zero_()
    net[1].weight.data[0, 0] = math.inf
    assert traps(net) == [("zero weight", "0"), ("weight not finite", "1")]
    zeroed = nn.Sequential(torch_norm(nn.Linear(3, 3)))
    zeroed[0].parametrizations.weight.original.data.zero_()
    assert traps(zeroed) == [("weight not finite", "0")]


def test_every_trap_gives_a_reason_and_advice():
    """All at once; what they say is in place of a manual."""
    net = normed(
        nn.Conv2d(4, 4, 3, groups=2), nn.BatchNorm2d(4), nn.InstanceNorm2d(4), nn.Dropout(0.5), nn.ConvTranspose2d(4, 4, 3)
    )
    found = audit(net, (4, 9, 9), optimizer=torch.optim.AdamW(net.parameters()), loss="wasserstein").warnings
    assert len({each.trap for each in found}) >= 6
    for each in found:
        assert len(each.why) > 40
        assert each.advice
        assert not each.why.endswith(".")
    assert len(set(TRAPS)) == 16
