"""Every way to walk back gives the gradient of autograd, or raises where autograd would."""

import copy

import pytest
import torch
from spectral_cases import CHANGING, images, network, penalty
from spectral_readings import close, equal, gradients
from torch import nn

from steadygan.spectral import MODES, SpectralNorm, spectral_norm


def one_backward(net: nn.Module) -> None:
    (net(images(1)).square().mean() - net(images(2)).mean()).backward()


def two_backwards(net: nn.Module) -> None:
    first, second = net(images(1)).square().mean(), -net(images(2)).mean()
    first.backward()
    second.backward()


def alternating(net: nn.Module) -> None:
    net(images(1)).square().mean().backward()
    (-net(images(2)).mean()).backward()


def retained(net: nn.Module) -> None:
    loss = (net(images(1)).square().mean() - net(images(2)).mean()) / 2
    loss.backward(retain_graph=True)
    net(images(3))
    loss.backward()


def micro_batches(net: nn.Module) -> None:
    for row in range(4):
        net(images(1)[row : row + 1]).square().sum().div(4).backward()
        (-net(images(2)[row : row + 1]).sum() / 4).backward()


def by_grad(net: nn.Module) -> None:
    found = torch.autograd.grad(
        net(images(1)).square().mean() - net(images(2)).mean(), list(net.parameters()), allow_unused=True
    )
    for parameter, gradient in zip(net.parameters(), found, strict=True):
        parameter.grad = gradient


WAYS = [one_backward, two_backwards, alternating, retained, micro_batches, by_grad]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("way", WAYS)
def test_all_ways_to_walk_back_give_one_gradient(mode, way):
    net = network()
    spectral_norm(net, mode=mode)
    one_backward(net)
    expected = gradients(net)
    net.zero_grad()
    way(net)
    assert close(gradients(net), expected)


@pytest.mark.parametrize("automatic", [True, False])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["first", "second", "penalty"])
def test_a_step_before_the_backward_pass_raises(automatic, mode, kind):
    """As autograd does for plain layers, instead of a gradient of the wrong weights."""
    net = network()
    spectral_norm(net, mode=mode, automatic=automatic)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    loss, other = net(images(1)).square().mean(), net(images(2)).mean()
    if kind == "penalty":
        loss = penalty(net, images(1))
    other.backward(retain_graph=True)
    optimizer.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        (other if kind == "second" else loss).backward()


def test_a_change_of_the_gain_before_the_backward_pass_raises():
    net = network()
    spectral_norm(net, mode="gain")
    loss = net(images(1)).mean()
    with torch.no_grad():
        net[0].weight_gain.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize("mode", CHANGING)
@pytest.mark.parametrize("change", [lambda norm: norm.refresh(5), lambda norm: norm.set_coefficient(4.0)])
def test_a_refresh_or_a_new_coefficient_before_the_backward_pass_does_no_harm(mode, change):
    """The graph keeps what it was made with."""
    found = []
    for changes in (False, True):
        net = network()
        norm = spectral_norm(net, 0.3, mode=mode)
        loss = net(images(1)).square().mean() + penalty(net, images(3))
        if changes:
            change(norm)
            net(images(2))
        loss.backward()
        found.append(gradients(net))
    assert equal(*found)


def test_only_the_gain_is_trained():
    net = network()
    spectral_norm(net, mode="gain")
    for one in SpectralNorm.of(net).weights:
        one.raw.requires_grad_(False)
    net(images(1)).mean().backward()
    assert all(layer.weight_gain.grad is not None for layer in SpectralNorm.of(net).layers.values())


def test_the_weight_of_a_last_layer_as_input_of_grad():
    """VQGAN's adaptive weight differentiates two losses with respect to `last_layer.weight`."""
    net = network()
    spectral_norm(net)
    losses = net(images(1)).square().mean(), net(images(2)).mean()
    found = [torch.autograd.grad(loss, net[7].weight, retain_graph=True)[0] for loss in losses]
    assert all(gradient.shape == (1, 8) and gradient.any() for gradient in found)


def test_frozen_layers_get_no_gradient_and_pass_it_on():
    net = network()
    spectral_norm(net)
    plain = copy.deepcopy(net)
    net[0].requires_grad_(False)
    for one in (net, plain):
        one(images(1)).mean().backward()
    assert net[0]._parameters["weight"].grad is None
    assert torch.equal(net[7]._parameters["weight"].grad, plain[7]._parameters["weight"].grad)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("mode", ["hard", "gain"])
def test_several_gradients_in_one_walk(mode, dtype):
    """`is_grads_batched`, as `torch.autograd.functional.jacobian(vectorize=True)` asks for: those of separate walks."""
    net = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)).to(dtype)
    spectral_norm(net, mode=mode)
    parameters, outputs = list(net.parameters()), net(torch.randn(2, 5, dtype=dtype)).sum(0)
    basis = torch.eye(3, dtype=dtype)
    together = torch.autograd.grad(outputs, parameters, basis, is_grads_batched=True, retain_graph=True)
    for k, output in enumerate(outputs):
        for one, other in zip(together, torch.autograd.grad(output, parameters, retain_graph=True), strict=True):
            assert torch.allclose(one[k], other, atol=1e-6)
