import copy

import pytest
import torch
from torch import nn

from steadygan.spectral import SpectralNorm, spectral_norm
from steadygan.training import MovingAverage


def test_the_average_in_closed_form():
    """After the warm-up of the decay, average <- d average + (1 - d) weight, exactly as written."""
    net = nn.Linear(1, 1, bias=False)
    average = MovingAverage(net, decay=0.5)
    start = net.weight.item()
    with torch.no_grad():
        net.weight.fill_(start + 1)
    average.update(step=1000)
    assert average.generator.weight.item() == pytest.approx(start + 0.5, rel=1e-6)


def test_early_steps_average_over_less():
    net = nn.Linear(1, 1, bias=False)
    average = MovingAverage(net, decay=0.999)
    with torch.no_grad():
        net.weight.fill_(5.0)
    for step in range(1, 30):
        average.update(step)
    assert average.generator.weight.item() == pytest.approx(
        5, rel=1e-3
    )  # the product of (1 + t) / (10 + t), t = 1..29, is 2e-5


def test_normalized_weights_enter_as_they_are_read_and_vectors_never():
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3))
    plain_names = set(net.state_dict())
    spectral_norm(net)
    average = MovingAverage(net, decay=0.0)
    assert set(average.generator.state_dict()) == plain_names
    with torch.no_grad():
        net[0]._parameters["weight"].mul_(-3)
    SpectralNorm.of(net).refresh(20)
    average.update(1000)
    assert torch.allclose(average.generator[0].weight, net[0].weight, atol=1e-6)


def test_buffers_are_averaged_and_counters_copied():
    net = nn.BatchNorm1d(2)
    average = MovingAverage(net, decay=0.5)
    net(torch.randn(8, 2) + 4)
    expected = (average.generator.running_mean + net.running_mean) / 2
    average.update(1000)
    assert torch.allclose(average.generator.running_mean, expected)
    assert average.generator.num_batches_tracked == 1


def test_the_generator_is_not_touched():
    net = nn.Linear(2, 2)
    before = copy.deepcopy(net.state_dict())
    MovingAverage(net, 0.9).update(10)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert net.training
