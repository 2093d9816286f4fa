"""Half precision: modules in bfloat16 and float16, and autocast. Vectors and norms stay in float32 at least."""

import copy

import pytest
import torch
from spectral_readings import equal, normalized_norms
from torch import nn

from steadygan.spectral import MODES, SpectralNorm, spectral_norm

HALVES = [torch.bfloat16, torch.float16]
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"))]


def network() -> nn.Sequential:
    """[B, 4, 6, 6] -> [B, 1], with a grouped convolution, whose gradient goes another way than that of plain weights."""
    return nn.Sequential(nn.Conv2d(4, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3, groups=2), nn.ReLU(), nn.Flatten(), nn.Linear(32, 1))


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("order", ["convert first", "normalize first", "float64 between"])
@pytest.mark.parametrize("device", DEVICES)
def test_half_modules_keep_wide_vectors(dtype, order, device):
    net = network().to(device)
    if order == "convert first":
        net.to(dtype)
    norm = spectral_norm(net)
    if order == "float64 between":
        net.double()
    net.to(dtype)
    assert {buffer.dtype for buffer in net.buffers()} <= {torch.float32, torch.float64}
    assert {parameter.dtype for parameter in net.parameters()} == {dtype}
    norm.refresh(100)
    # each entry is rounded by half a unit of the last place at most, so the norm moves by less than eps / 2 * |W|_F
    widest = max(float(one.read().detach().double().norm()) for one in norm.weights)
    assert normalized_norms(net) == pytest.approx([1.0] * 3, abs=torch.finfo(dtype).eps / 2 * widest)
    images = torch.randn(2, 4, 6, 6, device=device, dtype=dtype)
    net(images).sum().backward()
    assert all(p.grad.dtype == dtype and p.grad.isfinite().all() for p in net.parameters())


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("order", ["convert first", "normalize first"])
def test_gradients_of_half_modules_survive_a_loss_scale(dtype, order):
    """The sum <gradient, weight> is far beyond float16's 65504 here, though no gradient is: it must be taken in float32."""
    layer = nn.Linear(64, 64, bias=False)
    if order == "convert first":
        layer.to(dtype)
    spectral_norm(layer, automatic=False)
    layer.to(dtype)
    gradient = (3000 * layer.weight.detach().sign()).to(dtype)  # the sum is 3000 * |W|_1, about 600,000
    layer.weight.backward(gradient)
    found = layer._parameters["weight"].grad
    wide = copy.deepcopy(layer).float()
    wide._parameters["weight"].grad = None
    wide.weight.backward(gradient.float())
    expected = wide._parameters["weight"].grad
    assert (found.float() - expected).abs().max() <= torch.finfo(dtype).eps * expected.abs().max()  # one rounding at the end


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("device", DEVICES)
def test_autocast_neither_changes_the_weights_nor_the_refresh(dtype, mode, device):
    net = network().to(device)
    norm = spectral_norm(net, mode=mode, automatic=False)
    twin = copy.deepcopy(net)
    with torch.autocast(device, dtype=dtype):
        SpectralNorm.of(twin).refresh(3)
        output = twin(torch.randn(2, 4, 6, 6, device=device))
    norm.refresh(3)
    assert output.dtype == dtype
    for one, other in zip(norm.weights, SpectralNorm.of(twin).weights, strict=True):
        assert torch.equal(one.read(), other.read())
    assert equal(net.buffers(), twin.buffers())


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("source", ["copy", "load", "stale"])
def test_the_first_read_under_autocast(dtype, source):
    """Where nothing is in memory yet, the norm is taken from the stored vectors: in full precision too."""
    net = network()
    norm = spectral_norm(net, automatic=False)
    twin = copy.deepcopy(net)
    if source == "load":
        twin.load_state_dict(net.state_dict())
    if source == "stale":
        with torch.no_grad():
            for one, other in zip(norm.weights, SpectralNorm.of(twin).weights, strict=True):
                one.raw.mul_(2)
                other.raw.mul_(2)
    with torch.autocast("cpu", dtype=dtype):
        found = [one.read() for one in SpectralNorm.of(twin).weights]
    assert all(value.dtype == torch.float32 for value in found)
    assert all(torch.equal(value, one.read()) for value, one in zip(found, norm.weights, strict=True))


@pytest.mark.parametrize("dtype", HALVES)
def test_sigma_of_a_copy_under_autocast_and_inference_mode(dtype):
    """Asked for before anything else; and what it finds serves training afterwards."""
    net = network()
    norm = spectral_norm(net, mode="soft")
    twin = copy.deepcopy(net)
    with torch.autocast("cpu", dtype=dtype), torch.inference_mode():
        assert SpectralNorm.of(twin).sigma == norm.sigma
    images = torch.randn(2, 4, 6, 6, requires_grad=True)
    (slope,) = torch.autograd.grad(twin(images).sum(), images, create_graph=True)
    slope.square().sum().backward()
    assert all(one.raw.grad.any() for one in SpectralNorm.of(twin).weights)


@pytest.mark.parametrize("dtype", HALVES)
def test_training_under_autocast_is_training(dtype):
    """Automatic refreshes inside autocast regions; the weights stay at norm 1 within what one step can turn."""
    net = network()
    norm = spectral_norm(net)
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    for _ in range(20):
        with torch.autocast("cpu", dtype=dtype):
            loss = net(torch.randn(8, 4, 6, 6)).float().square().mean() - net(torch.randn(8, 4, 6, 6)).float().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net(torch.randn(2, 4, 6, 6))
    assert normalized_norms(net) == pytest.approx([1.0] * 3, rel=0.01)
    assert norm.weights[0].group.refreshes == 1 + 20


@pytest.mark.parametrize("dtype", HALVES)
def test_a_penalty_inside_autocast(dtype):
    """First and second derivatives of a network whose activations are in half precision are near those of the wide one."""
    net = network()
    spectral_norm(net)
    images = torch.randn(4, 4, 6, 6)
    found = []
    for enabled in (True, False):
        inputs = images.clone().requires_grad_(True)
        with torch.autocast("cpu", dtype=dtype, enabled=enabled):
            (slope,) = torch.autograd.grad(net(inputs).sum(), inputs, create_graph=True)
            penalty = slope.float().square().sum()
        net.zero_grad()
        penalty.backward()
        found.append(torch.cat([one.raw.grad.flatten() for one in SpectralNorm.of(net).weights]))
    # about twenty roundings in a row of numbers that add up to the gradient
    assert (found[0] - found[1]).norm() <= 20 * torch.finfo(dtype).eps * found[1].norm()
