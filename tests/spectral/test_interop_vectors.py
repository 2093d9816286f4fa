"""The singular vectors in a checkpoint are started from, and replaced where they are of no use."""

import copy
import math

import pytest
import torch
from spectral_formats import FORMATS, KINDS, singular_vectors
from spectral_readings import norms
from torch import nn

from steadygan.spectral import spectral_norm, weights
from steadygan.spectral.interop import starting


def wide_linear(gap: float = 0.99) -> nn.Linear:
    """A layer whose spectrum is so flat that no start from random vectors finds the first ones in a refresh."""
    layer = nn.Linear(120, 100)
    u, s, v = torch.linalg.svd(torch.randn(100, 120), full_matrices=False)
    with torch.no_grad():
        layer.weight.copy_(u * torch.linspace(1, 0.9, len(s)).index_fill(0, torch.arange(1), 1 / gap) @ v)
    return layer


@pytest.mark.parametrize("form", ["parametrization", "legacy", "biggan", "mimicry", "copied module", "steadygan 0.1"])
def test_vectors_of_other_formats_are_started_from(form):
    source, net = nn.Sequential(wide_linear()), nn.Sequential(nn.Linear(120, 100))
    norm = spectral_norm(net)
    u, v = singular_vectors(next(weights(source)))
    state = FORMATS[form](source)
    for name, vector in {"_u": u, "_v": v}.items():
        state |= {key: vector for key in state if key.endswith(name)}
    net.load_state_dict(state)
    assert abs(float(net[0].weight_v[0] @ v)) > 0.9999  # float32
    assert max(norm.residual.values()) < 0.003


@pytest.mark.parametrize("kind", ["linear", "narrow", "grouped", "attention"])
def test_the_basis_that_a_vector_leads_is_orthonormal(kind):
    """Or zero, where there are fewer dimensions than rows. The iterations go by that."""
    net = nn.Sequential(KINDS[kind]())
    one = spectral_norm(net).weights[0]
    columns = one.bases()[0].shape[1] // one.weight.blocks
    u, basis = starting(one, one.readings[0], one.raw, (torch.randn_like(one.us()[0]), torch.randn_like(one.bases()[0][0])))
    for block in basis.unflatten(1, (-1, columns)).unbind(1):
        assert torch.allclose(block @ block.T, torch.eye(3) * (torch.arange(3) < columns), atol=1e-6)
    assert torch.allclose(u.unflatten(0, (one.weight.blocks, -1)).norm(dim=1), torch.ones(one.weight.blocks))


def test_a_load_without_vectors_does_not_count_as_a_refresh():
    """A schedule of iterations goes by the count."""
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    (group,) = {one.group for one in spectral_norm(net).weights}
    before = group.refreshes
    net.load_state_dict(nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)).state_dict())
    assert group.refreshes == before


@pytest.mark.parametrize("bad", [0.0, math.nan, math.inf, 1e-30, 0.5])
@pytest.mark.parametrize("which", ["u", "v", "uv"])
@pytest.mark.parametrize("form", ["ours", "parametrization", "legacy", "biggan", "mimicry"])
def test_unusable_vectors_are_replaced(form, which, bad):
    """0.5 makes all entries the same: not of length 1. Nobody says that they are wrong, so they are only started from."""
    source, net = nn.Sequential(nn.Linear(7, 5)), nn.Sequential(nn.Linear(7, 5))
    spectral_norm(net, automatic=False)
    if form == "ours":
        spectral_norm(source)
    state = source.state_dict() if form == "ours" else FORMATS[form](source)
    keys = [key for key in state if key[-1] in which or (key[-2:] == "u0" and "u" in which)]
    net.load_state_dict(state | {key: torch.full_like(state[key], bad) for key in keys})
    assert all(value.isfinite().all() for value in net.state_dict().values())
    assert norms(net) == pytest.approx([1], rel=0.01)


def test_directions_to_look_next_that_are_not_finite_are_replaced():
    net = nn.Sequential(nn.Linear(7, 5))
    spectral_norm(net)
    state = copy.deepcopy(net.state_dict())
    state["0.weight_v"][2] = math.nan
    net.load_state_dict(state)
    assert all(value.isfinite().all() for value in net.state_dict().values())


def test_vectors_that_an_average_shortened_are_brought_to_length_1():
    """As `AveragedModel` with buffers leaves them. Used as they are, the weight would come out 4% too large."""
    net = nn.Sequential(nn.Linear(7, 5))
    spectral_norm(net, automatic=False)
    state = net.state_dict()
    net.load_state_dict(state | {"0.weight_u": 0.98 * state["0.weight_u"], "0.weight_v": 0.98 * state["0.weight_v"]})
    assert norms(net) == pytest.approx([1], rel=0.005)
    assert float(net[0].weight_v[0].norm()) == pytest.approx(1, abs=1e-6)


def test_vectors_of_other_weights_are_noticed():
    """An average has the vectors of the network that it was copied from."""
    source, net = nn.Sequential(nn.Linear(7, 5)), nn.Sequential(nn.Linear(7, 5)).eval()
    spectral_norm(source)
    spectral_norm(net)
    with torch.no_grad():
        source[0]._parameters["weight"].copy_(torch.randn(5, 7))
    net.load_state_dict(source.state_dict())
    net(torch.ones(1, 7))
    assert norms(net) == pytest.approx([1], rel=0.01)
