import copy

import pytest
import torch
from torch import nn

from steadygan.game import Networks
from steadygan.spectral import singular_values, weights
from steadygan.stabilizers import SpectralNormalization, SpectralRegularization, WeightNormalization
from steadygan.stabilizers.spectral_regularization import as_weight

LAYERS = {
    "linear": lambda: nn.Linear(6, 4),
    "tall linear": lambda: nn.Linear(4, 7),
    "conv": lambda: nn.Conv2d(3, 8, 2),
    "grouped conv": lambda: nn.Conv2d(6, 8, 3, groups=2),
    "transposed conv": lambda: nn.ConvTranspose2d(4, 6, 3),
    "grouped transposed conv": lambda: nn.ConvTranspose2d(4, 6, 3, groups=2),
}


def with_values(values):
    """A linear layer with these singular values, and its singular vectors."""
    left, right = (torch.linalg.qr(torch.randn(len(values), len(values), dtype=torch.float64)).Q for _ in range(2))
    layer = nn.Linear(len(values), len(values), bias=False).double()
    with torch.no_grad():
        layer.weight.copy_(left @ torch.diag(torch.tensor(values, dtype=torch.float64)) @ right.T)
    return layer, left, right


def set_values(layer, left, right, values):
    with torch.no_grad():
        layer.weight.copy_(left @ torch.diag(torch.tensor(values, dtype=torch.float64)) @ right.T)


def close(layer, values):
    # A decomposition in float64 has an absolute error of about 1e-15 times the largest value, here at most 10.
    torch.testing.assert_close(singular_values(layer), torch.tensor([values], dtype=torch.float64), rtol=0, atol=1e-12)


def test_a_diagonal_matrix_by_hand():
    """The first half of (4, 2, 1, 0.5) becomes 4; dW is 2 u_2 v_2'."""
    layer = nn.Linear(4, 4, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.diag(torch.tensor([1.0, 4.0, 0.5, 2.0])))
    SpectralRegularization().project(layer, 0)
    torch.testing.assert_close(layer.weight, torch.diag(torch.tensor([1.0, 4.0, 0.5, 4.0])), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("share", "expected"), [(0.25, [4, 3, 2, 1]), (0.5, [4, 4, 2, 1]), (1, [4, 4, 4, 4])])
def test_static_raises_the_first_values_and_keeps_the_vectors(share, expected):
    """At a share that leaves one value it is spectral normalization, as the paper says."""
    layer, left, right = with_values([4.0, 3.0, 2.0, 1.0])
    SpectralRegularization(share=share).project(layer, 0)
    expected = left @ torch.diag(torch.tensor(expected, dtype=torch.float64)) @ right.T
    torch.testing.assert_close(layer.weight, expected, rtol=0, atol=1e-12)


def test_dynamic_keeps_the_largest_ratio_that_was_seen():
    layer, left, right = with_values([4.0, 2.0, 1.0])
    stabilizer = SpectralRegularization(compensation="dynamic", every=1)
    stabilizer.prepare(Networks(nn.Identity(), layer))
    stabilizer.project(layer, 0)
    close(layer, [4, 2, 1])  # nothing has fallen yet
    set_values(layer, left, right, [10.0, 3.0, 2.6])
    stabilizer.project(layer, 1)
    close(layer, [10, 5, 2.6])  # 2 / 4 is more than 3 / 10, and 2.6 / 10 more than 1 / 4
    set_values(layer, left, right, [1.0, 0.1, 0.1])
    stabilizer.project(layer, 2)
    close(layer, [1, 0.5, 0.26])


@pytest.mark.parametrize("kind", list(LAYERS))
@pytest.mark.parametrize("compensation", ["static", "dynamic"])
def test_weights_of_every_layout(kind, compensation):
    layer = LAYERS[kind]().double()
    (weight,) = weights(layer)
    assert torch.equal(as_weight(weight, weight.matrices(layer.weight)), layer.weight)
    before = singular_values(layer)
    stabilizer = SpectralRegularization(compensation=compensation)
    stabilizer.prepare(Networks(nn.Identity(), layer))
    stabilizer.project(layer, 0)
    expected = before.clone()
    if compensation == "static":
        expected[:, : before.shape[1] // 2] = before[:, :1]
    torch.testing.assert_close(singular_values(layer), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("compensation", ["static", "dynamic"])
def test_beside_spectral_norm_the_norm_is_one(order, compensation):
    """Raising values moves neither sigma_1 nor its vectors, so the order only decides whether sigma is looked for again."""
    network = nn.Sequential(nn.Linear(6, 8), nn.Conv1d(1, 4, 3))
    networks = Networks(nn.Identity(), network)
    stabilizers = (SpectralRegularization(compensation=compensation, every=1), SpectralNormalization())[::order]
    for stabilizer in stabilizers:
        stabilizer.prepare(networks)
    for step in range(8):
        with torch.no_grad():
            for layer in network:
                layer._parameters["weight"].add_(0.1 * torch.randn(layer._parameters["weight"].shape))
        for stabilizer in stabilizers:
            stabilizer.project(network, step)
    for layer in network:
        values = singular_values(layer)[0]
        # `until` stops at a relative residual of 0.03, which leaves sigma short by about its square.
        assert values[0] == pytest.approx(1, abs=5e-3)
        if compensation == "static":
            assert values[len(values) // 2 - 1] == pytest.approx(values[0].item(), rel=1e-5)


def test_the_gradient_is_the_papers_without_its_last_term():
    """By the compensated W': (G - <G, W'> u_1 v_1') / sigma_1, with W' of norm 1; here with two raised values of three."""
    layer, left, right = with_values([4.0, 2.0, 1.0])
    networks = Networks(nn.Identity(), layer)
    SpectralNormalization(n_power_iterations=50).prepare(networks)
    stabilizer = SpectralRegularization(compensation="dynamic", every=1)
    stabilizer.prepare(networks)
    stabilizer.project(layer, 0)
    stored = layer._parameters["weight"]
    with torch.no_grad():
        stored.copy_(left @ torch.diag(torch.tensor([4.0, 1.5, 0.5], dtype=torch.float64)) @ right.T)
    stabilizer.project(layer, 1)
    SpectralNormalization().project(layer, 1)
    direction = torch.randn(3, 3, dtype=torch.float64)
    (layer.weight * direction).sum().backward()
    compensated = left @ torch.diag(torch.tensor([1.0, 0.5, 0.25], dtype=torch.float64)) @ right.T
    expected = (direction - (direction * compensated).sum() * torch.outer(left[:, 0], right[:, 0])) / 4
    # 50 iterations with a gap of 1/2 leave 1e-30; the rest is rounding in float64.
    torch.testing.assert_close(stored.grad, expected, rtol=0, atol=1e-12)


def test_acts_at_its_steps_only():
    layer, *_ = with_values([4.0, 3.0, 2.0, 1.0])
    stabilizer, start = SpectralRegularization(every=5, start=7), layer.weight.detach().clone()
    for step in (0, 5, 7, 9):
        stabilizer.project(layer, step)
    assert torch.equal(layer.weight, start)
    stabilizer.project(layer, 10)
    assert not torch.equal(layer.weight, start)


def test_embeddings_last_layers_and_weights_that_diverged_are_left_alone():
    network = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 1), nn.Linear(3, 3))
    nn.init.constant_(network[2].weight, torch.inf)
    start = copy.deepcopy(network.state_dict())
    SpectralRegularization().project(network, 0)
    assert all(torch.equal(value, start[name]) for name, value in network.state_dict().items())


def test_a_zero_weight_stays_zero():
    layer = nn.Linear(3, 3)
    nn.init.zeros_(layer.weight)
    SpectralRegularization().project(layer, 0)
    assert torch.equal(layer.weight, torch.zeros(3, 3))


def test_a_shared_weight_is_compensated_once():
    first, *_ = with_values([4.0, 2.0, 1.0])
    second = nn.Linear(3, 3, bias=False)
    second.weight = first.weight
    network = nn.Sequential(first, second)
    SpectralRegularization(compensation="dynamic").prepare(Networks(nn.Identity(), network))
    assert list(network.state_dict()) == ["0.weight", "0.weight_ratios", "1.weight"]


@pytest.mark.parametrize("order", [1, -1])
def test_under_weight_norm_the_values_are_raised_all_the_same(order):
    network = nn.Sequential(nn.Linear(6, 4), nn.Conv2d(3, 8, 2)).double()
    networks, before = Networks(nn.Identity(), network), [singular_values(layer) for layer in network]
    stabilizers = (SpectralRegularization(), WeightNormalization())[::order]
    for stabilizer in stabilizers:
        stabilizer.prepare(networks)
    for stabilizer in stabilizers:
        stabilizer.project(network, 0)
    for layer, values in zip(network, before, strict=True):
        values[:, : values.shape[1] // 2] = values[:, :1]
        torch.testing.assert_close(singular_values(layer), values, rtol=0, atol=1e-12)
