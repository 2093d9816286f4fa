"""Norms by the input, activations and maxima: each factor is the norm of the Jacobian at the steepest point."""

import math

import pytest
import torch
import torch.nn.functional as F
from spectral_factors import Fn, steepness_at, upper
from torch import nn

from steadygan.spectral.following.activations import CONSTANTS

NORMS = {
    "layer": (nn.LayerNorm(6), (6,)),
    "layer over two": (nn.LayerNorm((2, 3), eps=1e-3), (4, 2, 3)),
    "group": (nn.GroupNorm(2, 4), (4, 3)),
    "instance": (nn.InstanceNorm2d(2, eps=1e-2), (2, 3, 3)),
    "rms": (nn.RMSNorm(5, eps=1e-4), (5,)),
}


@pytest.mark.parametrize("name", NORMS)
def test_norms_by_the_input_are_steepest_where_it_is_constant(name):
    """There the bound is reached; elsewhere never passed, whatever the weights."""
    norm, shape = NORMS[name]
    assert upper(norm, shape) == pytest.approx(steepness_at(norm, torch.zeros(shape)), rel=1e-10)
    random = torch.Generator().manual_seed(0)
    for parameter in norm.parameters():
        parameter.data.copy_(torch.randn(parameter.shape, generator=random))
    for scale in (1e-3, 1e-2, 0.1, 1.0):
        x = scale * torch.randn(shape, generator=random)
        assert steepness_at(norm, x) <= upper(norm, shape)


@pytest.mark.parametrize("weight", [0.0, 3.0])
def test_a_weighted_norm_by_the_input(weight):
    norm = nn.GroupNorm(1, 2)
    norm.weight.data.fill_(weight)
    assert upper(norm, (2, 4)) == pytest.approx(weight / math.sqrt(1e-5), rel=1e-9)


ACTIVATIONS = {
    **{name: getattr(F, name, None) or getattr(torch, name, None) for name in sorted(CONSTANTS)},
    "log_sigmoid": F.logsigmoid,
    "erf": torch.erf,
    "hardtanh": lambda x: F.hardtanh(x, -3, 4),
    "gelu": F.gelu,
    "gelu by tanh": lambda x: F.gelu(x, approximate="tanh"),
    "leaky": lambda x: F.leaky_relu(x, 0.2),
    "steep leaky": lambda x: F.leaky_relu(x, 1.7),
    "elu": F.elu,
    "steep elu": lambda x: F.elu(x, 2.5),
    "celu": lambda x: F.celu(x, 0.5),
    "softplus": lambda x: F.softplus(x, 3),
    "clamp": lambda x: x.clamp(-1, 2),
    "clamp_min": lambda x: torch.clamp_min(x, 0.5),
    "prelu": nn.PReLU(3, init=-1.5),
    "rrelu": nn.RReLU(0.2, 3.0),
    "relu in place": nn.ReLU(inplace=True),
    "elu in place": nn.ELU(2.5, inplace=True),
    "module": nn.SiLU(),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_as_steep_as_stated_and_nowhere_steeper(name):
    function = ACTIVATIONS[name]
    x = torch.cat([torch.linspace(-8, 8, 160_001), torch.tensor([-1e-9, 1e-9, -30.0, 30.0])]).double()
    x = x.reshape(1, 1, -1).expand(1, 3, -1).contiguous().requires_grad_(True)
    module = (function if isinstance(function, nn.Module) else Fn(function)).double().eval()
    (slopes,) = torch.autograd.grad(module(x.clone()).sum(), x)
    found, stated = float(slopes.abs().max()), upper(module, (3, 4))
    assert found <= stated * (1 + 1e-7)  # torch's own 1/6 is that far off
    assert found == pytest.approx(stated, rel=5e-5)  # a grid of 1e-4, on which the slope of hardswish rises by 3e-5


def test_softmax():
    x = torch.tensor([1.0, 1.0, -50.0])  # p = (1/2, 1/2, 0)
    assert upper(nn.Softmax(1), (3,)) == 0.5 == pytest.approx(steepness_at(nn.Softmax(1), x), rel=1e-10)


MAXIMA = {
    "apart": (nn.MaxPool2d(2), (1, 6, 6), 1),
    "overlapping": (nn.MaxPool2d(3, 2, 1), (1, 9, 9), 2),
    "overlapping much": (nn.MaxPool2d(3, 1), (1, 9, 9), 3),
    "dilated": (nn.MaxPool1d(2, stride=1, dilation=3), (1, 9), math.sqrt(2)),
    "dilated so that windows meet": (nn.MaxPool1d(2, stride=3, dilation=3), (1, 9), math.sqrt(2)),
    "with ceil_mode": (nn.MaxPool1d(4, stride=2, ceil_mode=True), (1, 9), math.sqrt(2)),
    "adaptive": (nn.AdaptiveMaxPool1d(3), (1, 7), math.sqrt(2)),
    "adaptive apart": (nn.AdaptiveMaxPool2d(3), (1, 9, 9), 1),
    "of all": (lambda x: x.amax((2, 3)), (2, 4, 4), 1),
    "by dimension": (lambda x: x.max(2).values, (2, 4), 1),
    "soft": (lambda x: x.logsumexp(1), (4,), 1),
    "of two": (lambda x: torch.maximum(x, 2 * x), (4,), math.sqrt(5)),
    "norm": (lambda x: x.norm(dim=1), (4,), 1),
    "vector_norm": (lambda x: torch.linalg.vector_norm(x, dim=1), (4,), 1),
}


@pytest.mark.parametrize("name", MAXIMA)
def test_maxima(name):
    """The stated value, which is reached by overlapping windows where one pixel is the maximum of all that it lies in."""
    module, shape, expected = MAXIMA[name]
    assert upper(module, shape) == pytest.approx(expected, rel=1e-12)
    steepest = 0.0
    for index in range(math.prod(shape)):
        x = torch.zeros(shape)
        x.view(-1)[index] = 20.0
        steepest = max(steepest, steepness_at(module, x))
    assert steepest <= expected * (1 + 1e-9)
    assert name == "of two" or steepest == pytest.approx(expected, rel=1e-6)  # of two, each entry follows only the steeper
