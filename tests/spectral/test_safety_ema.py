"""Averages of weights: AveragedModel with and without buffers, and averages that write through `.data`."""

import copy
import warnings

import pytest
import torch
from spectral_readings import norms
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from steadygan.spectral import SpectralNorm, remove_spectral_norm, spectral_norm


def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 16), nn.ReLU(), nn.Linear(16, 1))


def images(count: int = 8) -> torch.Tensor:
    return torch.randn(count, 3, 5, 5)


def train(net: nn.Module, steps: int, average) -> None:
    """A critic that is pulled about, so that its weights keep turning."""
    optimizer = torch.optim.Adam(net.parameters(), 2e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        (net(images()).square().mean() - net(images() + 0.5).mean()).backward()
        optimizer.step()
        average()


@pytest.mark.parametrize("use_buffers", [True, False])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("automatic", [True, False])
def test_averaged_model(use_buffers, training, automatic):
    net = network()
    norm = spectral_norm(net, automatic=automatic)
    ema = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.98), use_buffers=use_buffers)

    def average() -> None:
        if not automatic:
            norm.refresh()
        ema.update_parameters(net)

    train(net, 300, average)
    ema.train(training)
    if not automatic:
        SpectralNorm.of(ema).refresh(8)
    with torch.no_grad():
        ema(images())
    assert norms(ema) == pytest.approx([1.0] * 3, rel=0.01)


@pytest.mark.parametrize("use_buffers", [True, False])
def test_the_average_is_of_the_stored_weights(use_buffers):
    net, plain = network(), network()
    spectral_norm(net)
    plain.load_state_dict({name: value for name, value in net.state_dict().items() if name in plain.state_dict()})
    averages = [AveragedModel(one, multi_avg_fn=get_ema_multi_avg_fn(0.5), use_buffers=use_buffers) for one in (net, plain)]
    for _ in range(3):
        with torch.no_grad():
            for mine, other in zip(net.parameters(), plain.parameters(), strict=True):
                mine.add_(torch.randn_like(mine))
                other.copy_(mine)
        for average, one in zip(averages, (net, plain), strict=True):
            average.update_parameters(one)
        averages[0](images())
    for mine, other in zip(averages[0].parameters(), averages[1].parameters(), strict=True):
        assert torch.equal(mine, other)


def test_an_evaluation_of_the_average_leaves_its_buffers_alone():
    net = network()
    spectral_norm(net)
    ema = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.9)).eval()
    train(net, 5, lambda: ema.update_parameters(net))
    before = copy.deepcopy(ema.state_dict())
    ema(images())
    assert all(torch.equal(value, before[name]) for name, value in ema.state_dict().items())


def test_averaging_never_refreshes_the_network_itself():
    net = network()
    norm = spectral_norm(net)
    ema = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
    train(net, 10, lambda: ema.update_parameters(net))
    assert norm.weights[0].group.refreshes == 1 + 10  # one for each step


def test_an_average_by_data_writes_warns_and_is_right():
    """As in BigGAN-PyTorch: `target.data.copy_(target.data * decay + source.data * (1 - decay))` over the state dict."""
    net = network()
    spectral_norm(net)
    ema = copy.deepcopy(net).eval()

    def average() -> None:
        with torch.no_grad():
            for name, target in ema.state_dict().items():
                target.data.copy_(target.data * 0.9 + net.state_dict()[name].data * 0.1)
            ema(images(1))

    with pytest.warns(UserWarning, match="changed through .data"):
        train(net, 60, average)
    assert norms(ema) == pytest.approx([1.0] * 3, rel=0.01)


def test_an_average_of_normalized_weights_is_a_plain_network():
    """As in imaginaire: the average of what the layers read, in a network without normalization."""
    net = network()
    spectral_norm(net)
    plain = copy.deepcopy(net)
    remove_spectral_norm(plain)
    with torch.no_grad():
        for layer, other in zip(net, plain, strict=True):
            if isinstance(layer, nn.Conv2d | nn.Linear):
                other.weight.lerp_(layer.weight, 0.5)
    assert torch.allclose(plain(images(2)), plain(images(2)).detach(), atol=10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net(images(2))
