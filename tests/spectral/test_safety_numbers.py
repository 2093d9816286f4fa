"""Weights of any size, and steps that go wrong: normalization stays right, or becomes right again."""

import math

import pytest
import torch
from spectral_cases import CHANGING
from spectral_readings import normalized_norms
from torch import nn

from steadygan.errors import NetworkError
from steadygan.spectral import SpectralNorm, spectral_norm


def network() -> nn.Sequential:
    """A convolution, a grouped one and two linear layers: [B, 4, 6, 6] -> [B, 1]."""
    convolutions = nn.Conv2d(4, 8, 3), nn.ReLU(), nn.Conv2d(8, 6, 3, groups=2), nn.ReLU(), nn.Flatten()
    return nn.Sequential(*convolutions, nn.Linear(24, 12), nn.ReLU(), nn.Linear(12, 1))


def images(count: int = 3) -> torch.Tensor:
    return torch.randn(count, 4, 6, 6)


def raws(net: nn.Module) -> list[nn.Parameter]:
    return [one.raw for one in SpectralNorm.of(net).weights]


def step(net: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    net(images()).square().mean().backward()
    optimizer.step()


@pytest.mark.parametrize("scale", [1e-20, 1e-5, 1.0, 1e5, 1e20])
@pytest.mark.parametrize("when", ["before", "after"])
def test_every_scale_of_the_stored_weights_reads_the_same(scale, when):
    net, plain = network(), network()
    plain.load_state_dict(net.state_dict())
    spectral_norm(plain).refresh(100)
    norm = None if when == "before" else spectral_norm(net)
    with torch.no_grad():
        for layer in (net[0], net[2], net[5], net[7]):
            layer._parameters["weight"].mul_(scale)
    (norm or spectral_norm(net)).refresh(100)
    for one, other in zip(SpectralNorm.of(net).weights, SpectralNorm.of(plain).weights, strict=True):
        assert torch.allclose(one.read(), other.read(), rtol=1e-4, atol=1e-6)  # two vectors after 100 iterations, float32
    assert list(SpectralNorm.of(net).sigma.values()) == pytest.approx(
        [scale * sigma for sigma in SpectralNorm.of(plain).sigma.values()], rel=1e-4
    )


@pytest.mark.parametrize("scale", [1e-20, 1e20])
def test_the_gradient_scales_inversely(scale):
    """L(W / |W|) does not change when W is scaled by s, so its gradient at s W is that at W, over s."""
    grads = []
    for factor in (1.0, scale):
        torch.manual_seed(1)
        net = nn.Sequential(nn.Conv2d(4, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(128, 1))
        spectral_norm(net, automatic=False)
        with torch.no_grad():
            for raw in raws(net):
                raw.mul_(factor)
        SpectralNorm.of(net).refresh(50)
        net(images()).square().sum().backward()
        grads.append([raw.grad * factor for raw in raws(net)])
    for one, other in zip(*grads, strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=5e-4 * float(one.abs().max()))  # two vectors after 50 iterations


@pytest.mark.parametrize("mode", CHANGING)
def test_zero_weights_read_as_zero_with_finite_gradients_and_recover(mode):
    net = network()
    norm = spectral_norm(net, mode=mode)
    with torch.no_grad():
        for raw in raws(net):
            raw.zero_()
    net(images()).sum().backward()
    assert all(not one.read().any() for one in norm.weights)
    assert all(raw.grad.isfinite().all() for raw in raws(net))
    assert set(norm.sigma.values()) == {0.0}
    with torch.no_grad():
        for raw in raws(net):
            raw.normal_()
    norm.refresh(100)
    if mode == "hard":
        assert normalized_norms(net) == pytest.approx([1.0] * 4, rel=1e-4)
    assert all(math.isfinite(value) and value > 0 for value in normalized_norms(net))


def test_weights_that_are_zero_from_the_start():
    net = network()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
    norm = spectral_norm(net)
    assert not net(images()).any()
    with torch.no_grad():
        for raw in raws(net):
            raw.normal_()
    norm.refresh(100)
    assert normalized_norms(net) == pytest.approx([1.0] * 4, rel=1e-4)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("where", ["all", "one entry"])
def test_one_bad_step_and_then_good_weights_again(bad, where):
    """As a trainer does that skips the step: restore and go on. No vector, no memory and no warning is left behind."""
    net = network()
    norm = spectral_norm(net)
    step(net, torch.optim.SGD(net.parameters(), 0.01))
    good = [raw.detach().clone() for raw in raws(net)]
    with torch.no_grad():
        for raw in raws(net):
            raw.fill_(bad) if where == "all" else raw.view(-1)[:1].fill_(bad)
    for _ in range(3):  # a loop sees its non-finite loss only later
        assert not net(images()).isfinite().all()
    assert all(buffer.isfinite().all() for buffer in net.buffers())
    with torch.no_grad():
        for raw, was in zip(raws(net), good, strict=True):
            raw.copy_(was)
    for _ in range(3):
        assert net(images()).isfinite().all()
    assert norm.weights[0].group.unseen_writes is False
    norm.refresh(100)
    assert normalized_norms(net) == pytest.approx([1.0] * 4, rel=1e-4)


def test_a_bad_weight_leaves_its_neighbours_alone():
    net = network()
    norm = spectral_norm(net)
    with torch.no_grad():
        net[0]._parameters["weight"].fill_(math.nan)
    norm.refresh(100)
    for one in norm.weights[1:]:
        exact = torch.linalg.matrix_norm(one.weight.matrices(one.read().detach().double()), 2).amax()
        assert float(exact) == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0])
def test_a_checkpoint_with_unusable_vectors_is_not_the_end(bad):
    """torch's implementation leaves NaN vectors behind after one bad step, and saves them."""
    net = network()
    norm = spectral_norm(net)
    state = {
        name: torch.full_like(value, bad) if name.endswith(("_u", "_v")) else value for name, value in net.state_dict().items()
    }
    net.load_state_dict(state)
    net(images())
    norm.refresh(100)
    assert normalized_norms(net) == pytest.approx([1.0] * 4, rel=1e-4)


def test_a_network_without_memory_is_refused_in_words():
    """Large models are built on the meta device; to normalize what has no values would leave vectors without values behind."""
    with torch.device("meta"):
        net = network()
    with pytest.raises(NetworkError, match="meta device"):
        spectral_norm(net)
    net.to_empty(device="cpu")
    net.load_state_dict(network().state_dict())
    spectral_norm(net).refresh(100)
    assert normalized_norms(net) == pytest.approx([1.0] * 4, rel=1e-4)


def test_float64_layers_beside_float32_layers():
    net = nn.Sequential(nn.Linear(6, 5), nn.Linear(5, 4).double())
    norm = spectral_norm(net)
    norm.refresh(100)
    assert normalized_norms(net) == pytest.approx([1.0, 1.0], rel=1e-5)
    assert net[1](net[0](torch.randn(2, 6)).double()).dtype == torch.float64


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (2, 2)])
def test_the_smallest_matrices(shape):
    layer = nn.Linear(*shape)
    spectral_norm(layer).refresh(50)
    assert normalized_norms(layer) == pytest.approx([1.0], rel=1e-5)


def test_the_global_random_state_is_left_alone():
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    net = nn.Linear(4, 4)
    torch.manual_seed(3)
    spectral_norm(net).refresh()
    net(torch.ones(1, 4))
    assert torch.equal(torch.rand(4), expected)
