"""What covers a weight: torch's normalizations, a layer's own code, or nothing, and then why."""

import pytest
import torch
import torch.nn.functional as F
from spectral_audits import norms, row_of
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils import spectral_norm as torch_hook
from torch.nn.utils import weight_norm as weight_norm_hook
from torch.nn.utils.parametrizations import orthogonal, weight_norm
from torch.nn.utils.parametrizations import spectral_norm as torch_norm

from steadygan.spectral.audit import audit


@pytest.mark.parametrize("k", [1, 50])
def test_torchs_parametrization_and_its_hook_alike(k):
    """After k forward passes in training mode both believe u'Wv, and are as steep as the exact norm over that."""
    raw = torch.randn(16, 12)
    for form, by in ((torch_norm, "torch"), (torch_hook, "torch hook")):
        layer = nn.Linear(12, 16)
        layer.weight.data.copy_(raw)
        net = nn.Sequential(form(layer))
        for _ in range(k):
            net(torch.zeros(1, 12))
        row = audit(net).rows[0]
        assert (row.covered, row.promised, row.kind) == (by, 1.0, "Linear")
        assert row.sigma == pytest.approx(norms(raw)[0] / row.believed, rel=1e-5)
        assert row.error == pytest.approx(row.sigma - 1, abs=1e-12)
        assert row.error >= -1e-6  # u'Wv never exceeds sigma
        if k == 50:
            assert row.error < 1e-3


def test_a_hooked_weight_is_that_of_the_next_pass_not_of_the_last():
    net = nn.Sequential(torch_hook(nn.Linear(4, 4)))
    for _ in range(50):
        net(torch.zeros(1, 4))
    with torch.no_grad():
        net[0].weight_orig.copy_(torch.randn(4, 4))  # as an optimizer's step or a load leaves it: `weight` is still the old one
    row, layer = audit(net).rows[0], net[0]
    assert row.believed == pytest.approx(float(layer.weight_u @ layer.weight_orig.detach() @ layer.weight_v), rel=1e-5)
    assert row.sigma == pytest.approx(norms(layer.weight_orig)[0] / abs(row.believed), rel=1e-5)


def test_layers_that_normalize_in_their_own_code():
    """As BigGAN-PyTorch does: one iteration on the stored u in each pass, then W / sigma."""

    class OwnConv(nn.Conv2d):
        def __init__(self, *sizes):
            super().__init__(*sizes)
            self.register_buffer("u0", torch.randn(1, self.weight.shape[0]))
            self.register_buffer("sv0", torch.ones(1))

        def normalized(self):
            matrix = self.weight.flatten(1)
            v = F.normalize(self.u0 @ matrix)
            u = F.normalize(v @ matrix.T)
            return self.weight / (v @ matrix.T @ u.T).squeeze()

        def forward(self, x):
            return F.conv2d(x, self.normalized(), self.bias)

    net = nn.Sequential(OwnConv(3, 8, 3))
    row = audit(net, (3, 6, 6)).rows[0]
    assert (row.covered, row.kind) == ("BigGAN", "Conv2d")
    assert row.sigma == pytest.approx(norms(net[0].normalized())[0], rel=1e-5)
    plain = nn.Conv2d(3, 8, 3)
    plain.weight.data.copy_(net[0].normalized())
    assert row.operator == pytest.approx(audit(nn.Sequential(plain), (3, 6, 6)).rows[0].operator, rel=1e-4)


@pytest.mark.filterwarnings("ignore:.*weight_norm.*deprecated:FutureWarning", "ignore:Lazy modules:UserWarning")
def test_what_is_not_covered_says_why():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.gamma, self.weight = nn.Parameter(torch.zeros(1, 2, 2)), nn.Parameter(torch.randn(3, 2))

    class Bare(nn.Module):
        def __init__(self):
            super().__init__()
            self.gamma = nn.Parameter(torch.zeros(()))

    layers = {
        "batch": nn.BatchNorm2d(3),
        "instance": nn.InstanceNorm2d(3),
        "layer": nn.LayerNorm(3),
        "lstm": nn.LSTM(3, 4),
        "slopes": nn.PReLU(),
        "weightnorm": weight_norm(nn.Linear(3, 3)),
        "hook": weight_norm_hook(nn.Linear(3, 3)),
        "orthogonal": orthogonal(nn.Linear(3, 3)),
        "own": Own(),
        "bare": Bare(),
        "lazy": nn.LazyLinear(3),
        "meta": nn.Linear(3, 3, device="meta"),
        "complex": nn.Linear(3, 3, dtype=torch.complex64),
        "relu": nn.ReLU(),
    }
    found = audit(nn.ModuleDict(layers))
    reasons = {row.layer: row.reason for row in found.rows}
    assert "batch" in reasons["batch"]
    assert "each sample" in reasons["instance"]
    assert "each sample" in reasons["layer"]
    assert "recurrent" in reasons["lstm.weight_ih_l0"]
    assert reasons["weightnorm"] == reasons["hook"]
    assert "weight norm" in reasons["hook"]
    assert "slopes" in reasons["slopes"]
    assert "own code" in reasons["bare.gamma"]
    assert "lazy" in reasons["lazy"]
    assert "meta" in reasons["meta"]
    assert "complex" in reasons["complex"]
    assert "relu" not in reasons
    assert row_of(found, "own").sigma == pytest.approx(norms(layers["own"].weight)[0], rel=1e-6)
    assert row_of(found, "orthogonal").covered == "orthogonal"
    assert row_of(found, "orthogonal").error == pytest.approx(0, abs=1e-5)
    assert row_of(found, "batch").sigma is None


def test_a_parametrization_of_ones_own_is_named():
    class Halved(nn.Module):
        def forward(self, weight):
            return weight / 2

    layer = nn.Linear(3, 3)
    parametrize.register_parametrization(layer, "weight", Halved())
    row = audit(layer).rows[0]
    assert row.reason == "parametrized by Halved"
    assert row.sigma == pytest.approx(norms(layer.weight)[0], rel=1e-6)
