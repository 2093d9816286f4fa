import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from steadygan.errors import NetworkError
from steadygan.spectral import SpectralNorm, remove_spectral_norm, singular_values, spectral_norm, weight_layers
from steadygan.spectral.normalization import normalization_of

LAYERS = {
    "linear": lambda: nn.Linear(7, 5),
    "embedding": lambda: nn.Embedding(9, 6),
    "conv1d": lambda: nn.Conv1d(3, 5, 3),
    "conv2d": lambda: nn.Conv2d(4, 6, 3, stride=2),
    "conv3d": lambda: nn.Conv3d(2, 4, 3),
    "grouped": lambda: nn.Conv2d(4, 6, 3, groups=2),
    "transposed": lambda: nn.ConvTranspose2d(6, 4, 4, stride=2),
    "grouped transposed": lambda: nn.ConvTranspose2d(6, 4, 4, groups=2),
}


def largest(layer: nn.Module) -> float:
    return float(singular_values(layer.weight, layer).amax())


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("coefficient", [1.0, 8.0])
def test_the_largest_singular_value_becomes_the_coefficient(kind, coefficient):
    layer = LAYERS[kind]()
    spectral_norm(layer, coefficient).refresh(300)
    assert largest(layer) == pytest.approx(coefficient, rel=1e-4)  # 300 iterations: gap^1200, and float32


def test_reads_have_no_side_effects():
    layer = nn.Linear(8, 8)
    spectral_norm(layer)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    first = layer.weight
    layer.train()(torch.randn(2, 8))
    assert torch.equal(layer.weight, first)
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())


def test_one_refresh_moves_the_vectors_of_all_layers():
    net = nn.Sequential(nn.Linear(30, 30), nn.Linear(30, 30))
    norm = spectral_norm(net)
    before = [normalization_of(layer).u.clone() for layer in net]
    norm.refresh(1)
    assert all(not torch.equal(normalization_of(layer).u, old) for layer, old in zip(net, before, strict=True))


def test_separate_backward_calls_for_real_and_fake():
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    spectral_norm(net)
    real, fake = torch.randn(5, 4), torch.randn(5, 4)
    (net(real).mean() - net(fake).mean()).backward()
    together = [p.grad.clone() for p in net.parameters()]
    net.zero_grad()
    net(real).mean().backward()
    (-net(fake).mean()).backward()
    for parameter, expected in zip(net.parameters(), together, strict=True):
        assert torch.allclose(parameter.grad, expected, atol=1e-6)  # sums of 5 float32 terms of size 1


@pytest.mark.parametrize("kind", ["linear", "conv2d", "transposed"])
def test_gradients_are_those_of_torchs_parametrization(kind):
    """Same u, v: same gradient, to second order (as R1 needs); float64, so 1e-10 is far above rounding."""
    ours, theirs = LAYERS[kind]().double(), None
    theirs = copy.deepcopy(ours)
    spectral_norm(ours)
    torch.nn.utils.parametrizations.spectral_norm(theirs)
    theirs.eval()  # else each read moves its vectors
    mine, other = normalization_of(ours), theirs.parametrizations.weight[0]
    other._u.data, other._v.data = mine.u[0].clone(), mine.v[0].clone()
    shape = {"linear": (3, 7), "conv2d": (3, 4, 9, 9), "transposed": (3, 6, 5, 5)}[kind]
    x = torch.randn(shape, dtype=torch.float64)
    gradients = [second_order_gradient(net, x) for net in (ours, theirs)]
    assert torch.allclose(*gradients, atol=1e-10)


def second_order_gradient(net: nn.Module, x: torch.Tensor) -> torch.Tensor:
    x = x.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(net(x).tanh().sum(), x, create_graph=True)
    loss = slope.square().sum() + net(x).square().sum()
    return torch.autograd.grad(loss, net.parametrizations.weight.original)[0]


def test_gradcheck():
    layer = nn.Linear(3, 4).double()
    spectral_norm(layer)
    normalization = normalization_of(layer)
    weight = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(normalization, weight)
    assert torch.autograd.gradgradcheck(normalization, weight)


def test_a_zero_weight_stays_zero_and_recovers():
    layer = nn.Linear(4, 4)
    norm = spectral_norm(layer)
    raw = layer.parametrizations.weight.original
    with torch.no_grad():
        raw.zero_()
    norm.refresh()
    assert torch.equal(layer.weight, torch.zeros(4, 4))
    layer(torch.ones(1, 4)).sum().backward()
    assert raw.grad.isfinite().all()
    with torch.no_grad():
        raw.copy_(torch.randn(4, 4))
    norm.refresh(200)
    assert largest(layer) == pytest.approx(1, rel=1e-4)


def test_a_nan_step_does_not_poison_the_vectors():
    layer = nn.Linear(4, 4)
    norm = spectral_norm(layer)
    raw, good = layer.parametrizations.weight.original, layer.parametrizations.weight.original.detach().clone()
    with torch.no_grad():
        raw.fill_(float("nan"))
        norm.refresh()
        raw.copy_(good)
    norm.refresh(200)
    assert largest(layer) == pytest.approx(1, rel=1e-4)


def test_copies_are_independent():
    net = nn.Sequential(nn.Linear(6, 6))
    spectral_norm(net)
    twin = copy.deepcopy(net)
    u = normalization_of(net[0]).u.clone()
    SpectralNorm.of(twin).refresh(5)
    assert torch.equal(normalization_of(net[0]).u, u)


def test_the_same_layer_name_starts_the_same_everywhere():
    layers = [nn.Sequential(nn.Linear(5, 5)) for _ in range(2)]
    layers[1].load_state_dict(layers[0].state_dict())
    for layer in layers:
        torch.manual_seed(hash(id(layer)) % 1000)
        spectral_norm(layer)
    assert torch.equal(layers[0][0].weight, layers[1][0].weight)


def test_removing_bakes_the_weights():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4, 2))
    names = list(net.state_dict())
    spectral_norm(net)
    used = [layer.weight.clone() for _, layer in weight_layers(net)]
    remove_spectral_norm(net)
    assert sorted(net.state_dict()) == sorted(names)
    assert all(torch.equal(layer.weight, weight) for (_, layer), weight in zip(weight_layers(net), used, strict=True))
    assert not any(parametrize.is_parametrized(layer) for _, layer in weight_layers(net))


def test_removing_from_a_copy_leaves_the_original_normalized():
    net = nn.Sequential(nn.Linear(6, 6))
    norm = spectral_norm(net)
    remove_spectral_norm(copy.deepcopy(net))
    norm.refresh(200)
    assert largest(net[0]) == pytest.approx(1, rel=1e-4)


def test_mistakes_are_refused():
    net = nn.Linear(3, 3)
    spectral_norm(net)
    with pytest.raises(NetworkError, match="applying twice stacks"):
        spectral_norm(net)
    with pytest.raises(NetworkError, match="no linear"):
        spectral_norm(nn.BatchNorm2d(3))


def test_bfloat16_modules_keep_float32_vectors():
    layer = nn.Linear(16, 16)
    spectral_norm(layer).refresh(100)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        weight = layer.weight
    assert weight.dtype == torch.float32
    assert float(torch.linalg.matrix_norm(weight.detach().double(), 2)) == pytest.approx(1, rel=1e-4)
