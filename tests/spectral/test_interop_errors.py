"""What is wrong or missing in a checkpoint is torch's own error, and nothing else is touched by a load."""

import copy

import pytest
import torch
from spectral_cases import tied
from spectral_formats import FORMATS
from spectral_readings import norms
from torch import nn
from torch.nn.utils import spectral_norm as legacy_norm

from steadygan.spectral import spectral_norm


@pytest.mark.parametrize("form", FORMATS)
def test_a_wrong_shape_is_torchs_own_error(form):
    net = nn.Sequential(nn.Linear(7, 5))
    spectral_norm(net)
    with pytest.raises(RuntimeError, match=r"size mismatch for 0\.weight: .*\[5, 8\]"):
        net.load_state_dict(FORMATS[form](nn.Sequential(nn.Linear(8, 5))))
    assert norms(net) == pytest.approx([1], rel=0.01)


def test_a_weight_of_another_kind_is_torchs_own_error():
    net = nn.Sequential(nn.Linear(7, 5))
    spectral_norm(net)
    state = {"0.bias": torch.ones(5), "0.u0": torch.ones(1, 5)}
    with pytest.raises(RuntimeError, match=r"size mismatch for 0\.weight"):
        net.load_state_dict(state | {"0.weight": torch.ones(5)})
    two = tied()
    spectral_norm(two)
    for other in (net, two):
        with pytest.raises(RuntimeError, match=r"expected torch.Tensor .* received <class 'list'>"):
            other.load_state_dict(state | {"0.weight": [1.0], "1.weight": [1.0]}, strict=False)


def test_our_own_vectors_of_a_wrong_shape_are_torchs_own_error():
    net = nn.Sequential(nn.Linear(7, 5))
    spectral_norm(net)
    state = net.state_dict() | {"0.weight_v": torch.zeros(3, 8)}
    with pytest.raises(RuntimeError, match=r"size mismatch for 0\.weight_v"):
        net.load_state_dict(state)


def test_missing_and_unexpected_keys_are_reported():
    net = nn.Sequential(nn.Linear(7, 5))
    spectral_norm(net)
    state = nn.Sequential(nn.Linear(7, 5)).state_dict()
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: "0.bias"\.'):
        net.load_state_dict({"0.weight": state["0.weight"]})
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: "0.weight", "0.weight_u"'):
        net.load_state_dict({"0.bias": state["0.bias"]})
    for key in ("0.wait", "1.weight", "0.weight_g"):
        with pytest.raises(RuntimeError, match=rf'Unexpected key\(s\) in state_dict: "{key}"\.'):
            net.load_state_dict(state | {key: torch.ones(1)})


def test_what_is_not_in_the_state_stays_bit_for_bit():
    net = nn.Sequential(nn.Linear(7, 5), nn.Linear(5, 5))
    spectral_norm(net, automatic=False)
    before, other = net[0].weight.clone(), nn.Linear(5, 5)
    found = net.load_state_dict({f"1.{key}": value for key, value in other.state_dict().items()}, strict=False)
    assert set(found.missing_keys) == {f"0.{key}" for key in net[0].state_dict()}
    assert torch.equal(net[0].weight, before)
    assert norms(net)[1] == pytest.approx(1, rel=0.01)


def test_the_state_that_is_loaded_stays_as_it_is():
    net, source = nn.Sequential(nn.Linear(7, 5)), nn.Sequential(legacy_norm(nn.Linear(7, 5)))
    spectral_norm(net)
    state = source.state_dict()
    before = copy.deepcopy(state)
    net.load_state_dict(state)
    net(torch.ones(1, 7))
    assert list(state) == list(before)
    assert all(torch.equal(state[key], before[key]) for key in state)
