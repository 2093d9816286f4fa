"""Whatever wrote a checkpoint: strict loading finds all keys and no others, and the weights read have norm 1."""

import pytest
import torch
from spectral_cases import tied
from spectral_formats import FORMATS, KINDS, stored
from spectral_readings import equal, norms
from torch import nn

from steadygan.spectral import MODES, SpectralNorm, spectral_norm, weights
from steadygan.spectral.operator import operator_norm


@pytest.mark.parametrize("automatic", [True, False])
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_strict_load_normalizes_what_was_loaded(kind, form, automatic):
    source = nn.Sequential(nn.Identity(), KINDS[kind]())
    net = nn.Sequential(nn.Identity(), KINDS[kind]())
    raws = [stored(one).detach().clone() for one in weights(source)]
    norm = spectral_norm(net, automatic=automatic)
    net.load_state_dict(FORMATS[form](source))
    assert all(torch.equal(stored(one), raw) for one, raw in zip(weights(net), raws, strict=True))
    # 30 iterations, or until a residual of 0.003: sigma is then within 0.003 of a singular value
    assert norms(net) == pytest.approx([1] * len(norms(net)), rel=0.01)
    assert max(norm.residual.values()) < 0.05


@pytest.mark.parametrize("training", [True, False])
def test_norms_stay_1_in_the_first_forward_pass_after_a_load(training):
    net = nn.Sequential(nn.Linear(9, 8), nn.Linear(8, 3)).train(training)
    spectral_norm(net)
    net.load_state_dict(nn.Sequential(nn.Linear(9, 8), nn.Linear(8, 3)).state_dict())
    net(torch.ones(1, 9))
    assert norms(net) == pytest.approx([1, 1], rel=0.01)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", KINDS)
def test_our_own_format_gives_the_same_weights_bit_for_bit(kind, mode):
    source, net = nn.Sequential(KINDS[kind]()), nn.Sequential(KINDS[kind]())
    spectral_norm(source, mode=mode, automatic=False)
    spectral_norm(net, mode=mode, automatic=False)
    with torch.no_grad():
        for parameter in source.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    SpectralNorm.of(source).refresh(1)  # not converged
    net.load_state_dict(source.state_dict())
    assert all(torch.equal(a.value, b.value) for a, b in zip(weights(source), weights(net), strict=True))
    assert equal(source.buffers(), net.buffers())
    assert all(one.value is one.value for one in weights(net))  # divided once, for all reads to come


@pytest.mark.parametrize("form", ["plain", "parametrization", "legacy", "biggan"])
@pytest.mark.parametrize("mode", ["gain", "bidirectional", "initial", "measure", "soft"])
def test_other_formats_load_in_every_mode(mode, form):
    source, net = nn.Sequential(nn.Conv2d(4, 6, 3)), nn.Sequential(nn.Conv2d(4, 6, 3))
    raw = source[0].weight.detach().clone()
    norm = spectral_norm(net, mode=mode, automatic=False)
    net.load_state_dict(FORMATS[form](source))
    out, into = (torch.linalg.matrix_norm(matrix.flatten(1), 2) for matrix in (raw, raw.transpose(0, 1)))
    sigma = (out + into) / 2 if mode == "bidirectional" else out
    factor = {"measure": 1.0, "soft": 1 / max(1.0, sigma), "initial": norm.coefficient["0"] / sigma}.get(mode, 1 / sigma)
    assert torch.allclose(net[0].weight, raw * factor, rtol=0.01)


@pytest.mark.parametrize("form", ["plain", "parametrization", "biggan"])
def test_other_formats_load_under_the_operator_norm(form):
    """Their vectors are of the kernel as a matrix, and are not taken for images."""
    net = nn.Sequential(nn.Conv2d(4, 6, 3, padding=1))
    norm = spectral_norm(net, norm="operator", input_shape=(4, 5, 5), n_power_iterations=1, automatic=False)
    net.load_state_dict(FORMATS[form](nn.Sequential(nn.Conv2d(4, 6, 3, padding=1))))
    assert operator_norm(net[0], (4, 5, 5)) == pytest.approx(1, rel=0.01)
    assert max(norm.residual.values()) < 0.05


def test_a_hard_checkpoint_loads_into_the_bidirectional_mode():
    source, net = nn.Sequential(nn.Conv2d(4, 6, 3)), nn.Sequential(nn.Conv2d(4, 6, 3))
    spectral_norm(source)
    spectral_norm(net, mode="bidirectional", automatic=False)
    net.load_state_dict(source.state_dict())
    raw = net[0]._parameters["weight"].detach()
    sigma = sum(torch.linalg.matrix_norm(matrix.flatten(1), 2) for matrix in (raw, raw.transpose(0, 1))) / 2
    assert torch.allclose(net[0].weight, raw / sigma, rtol=0.01)


@pytest.mark.parametrize("automatic", [True, False])
@pytest.mark.parametrize("form", FORMATS)
def test_tied_weights_stay_tied(form, automatic):
    source, net = tied(), tied()
    spectral_norm(net, automatic=automatic)
    net.load_state_dict(FORMATS[form](source))
    assert net[0]._parameters["weight"] is net[1]._parameters["weight"]
    assert norms(net) == pytest.approx([1, 1], rel=0.01)


@pytest.mark.parametrize("automatic", [True, False])
@pytest.mark.parametrize("layer", [0, 1])
def test_tied_weights_may_be_stored_under_one_name_only(layer, automatic):
    net, weight = tied(), torch.randn(6, 6)
    spectral_norm(net, automatic=automatic)
    net.load_state_dict({f"{layer}.weight": weight}, strict=False)
    assert torch.equal(net[1]._parameters["weight"], weight)
    assert norms(net) == pytest.approx([1, 1], rel=0.01)


def test_our_own_format_of_tied_weights_gives_the_same_weights_bit_for_bit():
    source, net = tied(), tied()
    spectral_norm(source, automatic=False)
    spectral_norm(net, automatic=False)
    net.load_state_dict(source.state_dict())
    assert all(torch.equal(a.value, b.value) for a, b in zip(weights(source), weights(net), strict=True))


@pytest.mark.parametrize("form", ["plain", "parametrization", "ours"])
def test_assigned_tensors_may_be_of_another_type(form):
    source, net = nn.Sequential(nn.Linear(7, 5)).double(), nn.Sequential(nn.Linear(7, 5))
    spectral_norm(net)
    if form == "ours":
        spectral_norm(source)
    state = source.state_dict() if form == "ours" else FORMATS[form](source)
    net.load_state_dict(state, assign=True)
    assert net(torch.ones(1, 7, dtype=torch.float64)).dtype == torch.float64
    assert norms(net) == pytest.approx([1], rel=0.01)
    assert {value.dtype for value in net.state_dict().values()} == {torch.float64}


@pytest.mark.parametrize("automatic", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_training_goes_on_bit_for_bit(kind, automatic):
    """A refresh more than without the interruption would give other vectors, with one iteration each."""
    nets = [nn.Sequential(KINDS[kind]()) for _ in range(2)]
    norms = [spectral_norm(net, n_power_iterations=1, automatic=automatic) for net in nets]
    for net in nets:
        train(net)
    norms[0].refresh()
    nets[1].load_state_dict(nets[0].state_dict())
    torch.manual_seed(1)
    train(nets[0])
    torch.manual_seed(1)
    train(nets[1])
    assert equal(nets[0].state_dict().values(), nets[1].state_dict().values())


def train(net: nn.Module) -> None:
    """Two updates."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        sum(forward(layer).square().sum() for layer in net).backward()
        optimizer.step()


def forward(layer: nn.Module) -> torch.Tensor:
    if isinstance(layer, nn.Embedding):
        return layer(torch.arange(9))
    if isinstance(layer, nn.MultiheadAttention):
        sizes = layer.embed_dim, layer.kdim, layer.vdim
        return layer(*(torch.randn(3, 1, size) for size in sizes))[0]
    if isinstance(layer, nn.Bilinear):
        return layer(torch.randn(2, 3), torch.randn(2, 4))
    channels = layer.in_features if isinstance(layer, nn.Linear) else layer.in_channels
    return layer(torch.randn(2, channels, *[7] * (stored(next(weights(layer))).dim() - 2)))
