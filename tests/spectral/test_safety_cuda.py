"""What only a GPU can show: CUDA graphs, devices, no waiting for the device in a refresh."""

import copy

import pytest
import spectral_cases
import torch
from spectral_readings import normalized_norms
from torch import Tensor, nn

from steadygan.spectral import MODES, SpectralNorm, spectral_norm

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def network() -> nn.Sequential:
    return spectral_cases.network(10).cuda()


def step(net: nn.Module, optimizer: torch.optim.Optimizer, real: Tensor, fake: Tensor) -> Tensor:
    """A discriminator step with two backward calls, and its refresh."""
    optimizer.zero_grad(set_to_none=True)
    first = (1 - net(real)).relu().mean()
    first.backward()
    second = (1 + net(fake)).relu().mean()
    second.backward()
    optimizer.step()
    SpectralNorm.of(net).refresh(2)
    return (first + second).detach()


@pytest.mark.parametrize("mode", MODES)
def test_a_whole_step_in_a_cuda_graph(mode):
    """Captured once, replayed with new images: the same parameters as the same steps run eagerly."""
    graphed, eager = network(), network()
    for net in (graphed, eager):
        spectral_norm(net, mode=mode, automatic=False)
    optimizers = [torch.optim.Adam(net.parameters(), 1e-3, capturable=True) for net in (graphed, eager)]
    real, fake = torch.randn(4, 3, 5, 5, device="cuda"), torch.randn(4, 3, 5, 5, device="cuda")
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step(graphed, optimizers[0], real, fake)
    torch.cuda.current_stream().wait_stream(stream)
    for _ in range(3):
        step(eager, optimizers[1], real, fake)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = step(graphed, optimizers[0], real, fake)
    for _ in range(5):
        real.normal_()
        fake.normal_()
        expected = step(eager, optimizers[1], real, fake)
        graph.replay()
        assert torch.allclose(loss, expected, atol=1e-4)
    for one, other in zip(graphed.state_dict().values(), eager.state_dict().values(), strict=True):
        assert torch.allclose(one, other, atol=1e-3)  # eight steps of Adam at 1e-3, rounding differing in some


@pytest.mark.parametrize("mode", MODES)
def test_a_refresh_does_not_wait_for_the_device(mode):
    net = network()
    norm = spectral_norm(net, mode=mode, automatic=False)
    norm.refresh()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        norm.refresh()
        norm.refresh(3)
        net(torch.randn(2, 3, 5, 5, device="cuda")).mean().backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("mode", MODES)
def test_the_same_numbers_as_on_a_cpu(mode):
    net = network()
    norm = spectral_norm(net, mode=mode)
    twin = copy.deepcopy(net).cpu()
    norm.refresh(30)
    SpectralNorm.of(twin).refresh(30)
    assert list(norm.sigma.values()) == pytest.approx(list(SpectralNorm.of(twin).sigma.values()), rel=1e-4)


def test_a_network_that_moves():
    net = network().cpu()
    norm = spectral_norm(net)
    before = dict(norm.sigma)
    net.cuda()
    assert norm.sigma == pytest.approx(before, rel=1e-5)
    net(torch.randn(2, 3, 5, 5, device="cuda")).sum().backward()
    net.cpu()
    net(torch.randn(2, 3, 5, 5)).sum()


def test_scaled_float16_training():
    net = network()
    spectral_norm(net)
    optimizer, scaler = torch.optim.Adam(net.parameters(), 1e-3), torch.amp.GradScaler("cuda")
    for _ in range(20):
        with torch.autocast("cuda", dtype=torch.float16):
            loss = net(torch.randn(4, 3, 5, 5, device="cuda")).float().square().mean()
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
    SpectralNorm.of(net).refresh(20)
    assert normalized_norms(net) == pytest.approx([1.0] * 4, rel=1e-4)
