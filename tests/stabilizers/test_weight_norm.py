import copy

import pytest
import torch
from torch import nn

from steadygan.errors import ConfigError
from steadygan.game import Networks
from steadygan.stabilizers import SpectralNormalization, WeightNormalization

LAYERS = {
    "linear": (lambda: nn.Linear(5, 3), (1,)),
    "conv": (lambda: nn.Conv2d(4, 6, 3), (1, 2, 3)),
    "grouped conv": (lambda: nn.Conv2d(4, 6, 3, groups=2), (1, 2, 3)),
    "conv1d": (lambda: nn.Conv1d(4, 6, 3), (1, 2)),
    "transposed conv": (lambda: nn.ConvTranspose2d(4, 6, 3), (0, 2, 3)),
}


def normalized(network):
    WeightNormalization().prepare(Networks(nn.Identity(), network))
    return network


def test_two_rows_by_hand():
    """v = (3, 4) has length 5: with g = 10 the row is (6, 8)."""
    layer = nn.Linear(2, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3.0, 4.0], [0.0, 2.0]]))
    normalized(layer)
    assert layer.parametrizations.weight.original0.tolist() == [[5.0], [2.0]]
    with torch.no_grad():
        layer.parametrizations.weight.original0.copy_(torch.tensor([[10.0], [-1.0]]))
    # One root, one quotient and one product: 3 roundings of 6e-8.
    torch.testing.assert_close(layer.weight, torch.tensor([[6.0, 8.0], [0.0, -1.0]]), rtol=2e-7, atol=0)


@pytest.mark.parametrize("kind", list(LAYERS))
def test_every_rows_length_is_g_whatever_v(kind):
    make, rest = LAYERS[kind]
    layer = make().double()
    start = layer.weight.detach().clone()
    normalized(layer)
    # float64 norms of at most 36 terms: 1e-13 leaves a factor of 10 over the rounding.
    torch.testing.assert_close(layer.weight, start, rtol=1e-13, atol=0)
    g, v = layer.parametrizations.weight.original0, layer.parametrizations.weight.original1
    assert g.numel() == (layer.bias.numel())
    with torch.no_grad():
        v.copy_(torch.randn_like(v)), g.copy_(torch.rand_like(g) + 0.5)
    torch.testing.assert_close(torch.linalg.vector_norm(layer.weight, dim=rest), g.flatten(), rtol=1e-13, atol=0)


def test_the_gradient_by_v_is_orthogonal_to_v():
    """Section 2.1 of the paper: the gradient by v is projected away from v, and g alone is the length."""
    layer = normalized(nn.Linear(6, 4).double())
    layer(torch.randn(9, 6, dtype=torch.float64)).square().sum().backward()
    v = layer.parametrizations.weight.original1
    # Inner products of 6 terms of order 10 in float64.
    assert (v * v.grad).sum(1).abs().max() < 1e-12 * v.grad.abs().max()


def test_the_network_starts_as_it_was_and_embeddings_stay():
    network = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 1)).double()
    ids = torch.arange(5)
    before = network(ids)
    normalized(network)
    torch.testing.assert_close(network(ids), before, rtol=1e-13, atol=1e-15)
    assert [name for name, _ in network.named_parameters() if "weight" in name] == [
        "0.weight",
        "1.parametrizations.weight.original0",
        "1.parametrizations.weight.original1",
        "3.parametrizations.weight.original0",
        "3.parametrizations.weight.original1",
    ]


def test_copies_and_state_dicts():
    network = normalized(nn.Sequential(nn.Conv2d(1, 3, 3), nn.Flatten(), nn.Linear(12, 1)))
    images, twin = torch.randn(2, 1, 4, 4), copy.deepcopy(network)
    other = normalized(nn.Sequential(nn.Conv2d(1, 3, 3), nn.Flatten(), nn.Linear(12, 1)))
    other.load_state_dict(network.state_dict())
    expected = network(images)
    with torch.no_grad():
        network[0].parametrizations.weight.original0.mul_(2)
    assert torch.equal(twin(images), expected)
    assert torch.equal(other(images), expected)
    assert not torch.equal(network(images), expected)


def test_weights_stay_float32_under_autocast():
    layer = normalized(nn.Linear(5, 3))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer.weight.dtype == torch.float32


@pytest.mark.parametrize("order", [1, -1])
def test_beside_spectral_norm_it_is_an_error_that_says_why(order):
    networks = Networks(nn.Linear(2, 2), nn.Linear(2, 2))
    first, second = (WeightNormalization(), SpectralNormalization())[::order]
    first.prepare(networks)
    with pytest.raises(ConfigError, match="both hold the scale"):
        second.prepare(networks)


def test_spectral_norm_may_be_on_the_other_player():
    networks = Networks(nn.Linear(2, 2), nn.Linear(2, 2))
    for stabilizer in (WeightNormalization(), SpectralNormalization(on="generator")):
        stabilizer.prepare(networks)


def test_twice_is_an_error():
    network = normalized(nn.Linear(2, 2))
    with pytest.raises(ConfigError, match="parametrized already"):
        normalized(network)


def test_a_row_of_zeros_has_no_direction():
    network = nn.Sequential(nn.Linear(3, 2))
    with torch.no_grad():
        network[0].weight[1] = 0
    with pytest.raises(ConfigError, match="'0' has a row of zeros"):
        normalized(network)
