"""What strangers' code does between layers: followed where it can be, and never taken for harmless where it cannot."""

import ctypes
import math
import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from steadygan.spectral.lipschitz import lipschitz


class Net(nn.Module):
    """A function of four numbers, with a layer, a parameter and a buffer at hand."""

    def __init__(self, function, layer=None):
        super().__init__()
        self.function, self.layer = function, layer
        self.gate = nn.Parameter(torch.tensor([1.0, -3.0, 2.0, 0.5]))
        self.register_buffer("memory", torch.zeros(2, 4))

    def forward(self, x):
        return self.function(self, x)


def bounds_of(function, layer=None):
    bounds = lipschitz(Net(function, layer).eval(), (4,))
    assert bounds.lower <= bounds.upper
    assert (bounds.upper == math.inf) == bool(bounds.unknown)
    return bounds


class Triple(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 3

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 3


class Kernel(torch.autograd.Function):
    """Reads the memory itself, as compiled extensions do."""

    @staticmethod
    def forward(ctx, x):
        numbers = (ctypes.c_float * x.numel()).from_address(x.data_ptr())
        return torch.tensor([3 * number for number in numbers]).view(x.shape)

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 3


def on_a_view(net, x):
    y = x.clone()
    y[:, :2].mul_(10)
    return y


def on_a_detached_alias(net, x):
    y = x.clone()
    y.detach().mul_(10)
    return y


def on_data(net, x):
    y = x.clone()
    y.data.mul_(10)
    return y


def in_place_sum(net, x):
    y = x * 2
    z = y
    y += 5 * x
    return z


def in_place_activation(net, x):
    y = x * 1
    F.elu(y, 5.0, inplace=True)
    return y


def within_autocast(net, x):
    with torch.autocast(x.device.type, enabled=False):
        return 3 * x


FOLLOWED = {
    "an autograd function of its own": (lambda net, x: Triple.apply(x), 3, 3),
    "checkpointing": (lambda net, x: checkpoint(lambda y: 3 * y, x, use_reentrant=False), 3, 3),
    "a change of part of a tensor through a view": (on_a_view, math.hypot(1, 10), 10),
    "a change through a detached alias": (on_a_detached_alias, math.hypot(1, 10), 1),
    "a change through .data": (on_data, math.hypot(1, 10), 1),
    "a sum in place": (in_place_sum, 7, 7),
    "an activation in place": (in_place_activation, 5, 5),
    "a parameter as a gate": (lambda net, x: net.gate * x, 3, 3),
    "a python sum": (lambda net, x: sum(x[:, i] for i in range(x.shape[1])), 4, 2),
    "a branch by the shape": (lambda net, x: 2 * x if len(x) > 0 and x.dim() == 2 else x, 2, 2),
    "an unknown that goes nowhere": (lambda net, x: (x * x, 2 * x)[1], 2, 2),
    "a constant": (lambda net, x: net.gate.expand(len(x), -1), 0, 0),
    "other types": (lambda net, x: 2 * x.double().to(torch.float32), 2, 2),
    "a type by its word": (lambda net, x: 2 * x.type(x.type()), 2, 2),
    "a gradient wanted": (lambda net, x: 2 * x.requires_grad_(True), 2, 2),
    "constants of its shape": (lambda net, x: x + torch.full_like(x, 3.0) + x.new_ones(4), 1, 1),
    "autocast by the type of the device": (within_autocast, 3, 3),
}


@pytest.mark.parametrize("name", FOLLOWED)
def test_followed(name):
    """(upper, the steepest by hand). Autograd does not see changes behind its back, so that `lower` may be below that."""
    function, expected, steepest = FOLLOWED[name]
    bounds = bounds_of(function)
    assert bounds.unknown == ()
    assert bounds.upper == pytest.approx(expected, rel=1e-9)
    assert bounds.lower == pytest.approx(steepest, rel=5e-3)  # next to 0 for an activation: found by search


def script(what):
    """Deprecated, and still about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(what)


def triple(x: torch.Tensor) -> torch.Tensor:
    return x * 3


scripted = script(triple)


def without_autograd(function):
    def call(net, x):
        with torch.no_grad():
            return function(net, x)

    return call


def into_a_buffer(net, x):
    net.memory.copy_(x)
    return net.memory * 3


def into_a_new_tensor(net, x):
    y = torch.zeros(len(x), 4)
    y[:, :2] = 5 * x[:, :2]
    return y


def data_replaced(net, x):
    y = x.clone()
    y.data = 10 * y
    return y


def reinterpreted(net, x):
    return x.view(torch.int32).view(torch.float32)


UNKNOWN = {
    "a product": (lambda net, x: x * x, "mul of two parts that depend on the input"),
    "a power": (lambda net, x: x**2, "pow is not known"),
    "a quotient": (lambda net, x: x / (1 + x.abs()), "div by what depends on the input"),
    "one over it": (lambda net, x: 1 / x, "rdiv is not known"),
    "by zero": (lambda net, x: x / torch.tensor([1.0, 0, 1, 1]), "div by zero"),
    "a matrix product": (lambda net, x: x[:, :, None] @ x[:, None, :], "matmul of several parts"),
    "einsum": (lambda net, x: torch.einsum("bi,ij->bj", x, torch.eye(4)), "einsum is not known"),
    "a deviation": (lambda net, x: x.std(1), "std is not known"),
    "rounding": (lambda net, x: x.round(), "round is not known"),
    "whole numbers": (lambda net, x: x.int().float(), "int is not known"),
    "whole numbers by type": (lambda net, x: x.to(torch.int64).to(torch.float32), "to gives no real numbers"),
    "other bits": (reinterpreted, "view as another type"),
    "where by values": (lambda net, x: torch.where(x > 0, x, 2 * x), "where chooses by values that depend on the input"),
    "a position by values": (lambda net, x: x.gather(1, x.argmax(1, keepdim=True)), "gather of several parts"),
    "clamp by itself": (lambda net, x: torch.clamp(x, max=2 * x), "clamp of several parts"),
    "random": (lambda net, x: F.dropout(x, 0.5), "dropout is random in training mode"),
    "torch.batch_norm": (
        lambda net, x: torch.batch_norm(x, net.gate, net.gate, *net.gate.detach().abs().expand(2, 4), False, 0.1, 1e-5, False),
        "torch.batch_norm is not known",
    ),
    "an operator without python": (lambda net, x: torch.ops.aten.relu(x), "torch.relu is not known"),
    "a part written": (lambda net, x: (x.__setitem__((slice(None), 0), x[:, 1] * 5), x)[1], "writes into a part of a tensor"),
    "a mean of the batch": (lambda net, x: x - x.mean(0), "mean mixes the samples of a batch"),
    "a mean of all": (lambda net, x: x + x.mean(), "mean mixes the samples of a batch"),
    "softmax over the batch": (lambda net, x: x.softmax(0), "softmax mixes the samples of a batch"),
    "a silent broadcast": (lambda net, x: x[:, 0] + x[:, :1], "add moves or mixes the samples of a batch"),
    "transposed": (lambda net, x: x.t() @ torch.eye(2), "t moves or mixes the samples of a batch"),
    "transposed where sizes agree": (lambda net, x: x[:, :2].t(), "t moves or mixes the samples of a batch"),
    "a choice of samples": (lambda net, x: x[[1, 0]], "__getitem__ takes samples out of a batch"),
    "samples flipped": (lambda net, x: x.flip(1, 0), "flip mixes the samples of a batch"),
    "samples repeated": (lambda net, x: x.repeat(2, 1), "repeat moves or mixes the samples of a batch"),
    "samples added": (lambda net, x: F.pad(x, (0, 0, 1, 1)), "pad moves or mixes the samples of a batch"),
    "samples joined": (lambda net, x: torch.cat([x, x]), "cat moves or mixes the samples of a batch"),
    "a loop over samples": (lambda net, x: torch.stack(list(x)), "unbind moves or mixes"),
    "a branch by values": (lambda net, x: 3 * x if x.sum() > 0 else x, "bool lets the code look at values"),
    "a number of it": (lambda net, x: x * x[0, 0].item(), "item lets the code look at values"),
    "a list of it": (lambda net, x: torch.tensor(x.tolist()), "tolist lets the code look at values"),
    "numpy": (lambda net, x: torch.from_numpy(x.detach().numpy()) * 3, "numpy lets the code look at values"),
    "a new tensor of it": (lambda net, x: x.detach().new_tensor(x) * 3, "new_tensor"),
    "scripted": (lambda net, x: scripted(x), "mul is computed out of sight"),
    "scripted without autograd": (without_autograd(lambda net, x: scripted(x)), "mul is computed out of sight"),
    "vmap": (lambda net, x: torch.vmap(lambda row: row * 3)(x), "computed out of sight"),
    "a kernel of its own": (lambda net, x: Kernel.apply(x), "what it returns was computed out of sight"),
    "after a kernel of its own": (lambda net, x: torch.relu(Kernel.apply(x)) + 0 * x, "add of what was computed out of sight"),
    "a plain tensor of it": (lambda net, x: x.as_subclass(torch.Tensor) * 3, "computed out of sight"),
    "into a buffer": (without_autograd(into_a_buffer), "copy writes into a tensor made otherwise"),
    "into a new tensor": (into_a_new_tensor, "writes into a tensor made otherwise"),
    "into a new tensor without autograd": (without_autograd(into_a_new_tensor), "writes into a tensor made otherwise"),
    "data replaced": (data_replaced, "a tensor's data is replaced"),
    "an error under tracking": (lambda net, x: torch.mul(x, 3, out=torch.empty(2, 4)), "cannot be followed: RuntimeError"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown(name):
    function, reason = UNKNOWN[name]
    bounds = bounds_of(function)
    assert any(each.startswith("Net: ") and reason in each for each in bounds.unknown), bounds.unknown


LAYERS = {
    "attention": (
        nn.MultiheadAttention(4, 2, batch_first=True),
        lambda net, x: net.layer(*[x[:, None]] * 3)[0],
        "dot-product attention",
    ),
    "recurrence": (nn.LSTM(4, 4, batch_first=True), lambda net, x: net.layer(x[:, None])[0], "a recurrent layer"),
    "a scripted module": (script(nn.Linear(4, 4)), lambda net, x: net.layer(x), "scripted module"),
    "bilinear": (nn.Bilinear(4, 4, 2), lambda net, x: net.layer(x, x), "bilinear of"),
    "a norm of the batch": (
        nn.BatchNorm1d(4, track_running_stats=False),
        lambda net, x: net.layer(x),
        "batch_norm in training mode",
    ),
    "no eps": (nn.GroupNorm(1, 4, eps=0), lambda net, x: net.layer(x), "divides by zero"),
    "bicubic": (nn.Upsample(scale_factor=2, mode="bicubic"), lambda net, x: net.layer(x.view(-1, 1, 2, 2)), "mode 'bicubic'"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_an_unknown_layer_is_named_once(name):
    layer, function, reason = LAYERS[name]
    (found,) = bounds_of(function, layer).unknown
    assert found.startswith("layer (")
    assert reason in found


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("layer", [nn.Linear(4, 4), nn.Conv1d(4, 4, 1), nn.Conv1d(4, 4, 3, padding=1, padding_mode="circular")])
def test_a_broken_weight_is_named(bad, layer):
    with torch.no_grad():
        layer.weight.view(-1)[0] = bad
    (found,) = bounds_of(
        lambda net, x: net.layer(x if isinstance(net.layer, nn.Linear) else x[:, :, None].repeat(1, 1, 3)), layer
    ).unknown
    assert found.startswith("layer (")
    assert "a weight is not finite" in found


def test_a_layer_with_a_forward_of_its_own_is_not_taken_for_its_base():
    """An equalized learning rate multiplies the weight on its way."""

    class Equalized(nn.Linear):
        def forward(self, x):
            return F.linear(x, self.weight * 10, self.bias)

    layer = Equalized(4, 4)
    sigma = float(torch.linalg.matrix_norm(layer.weight.detach().double(), 2))
    assert bounds_of(lambda net, x: net.layer(x), layer).upper == pytest.approx(10 * sigma, rel=1e-6)  # float32 product
    same = nn.Conv1d(4, 4, 3, padding=1, padding_mode="circular")
    plain = bounds_of(lambda net, x: net.layer(x[:, :, None].repeat(1, 1, 5)), same).upper

    class Scaled(nn.Conv1d):
        def _conv_forward(self, x, weight, bias):
            return super()._conv_forward(x, weight * 10, bias)

    scaled = Scaled(4, 4, 3, padding=1, padding_mode="circular")
    scaled.load_state_dict(same.state_dict())
    assert bounds_of(lambda net, x: net.layer(x[:, :, None].repeat(1, 1, 5)), scaled).upper == pytest.approx(
        10 * plain, rel=0.5
    )
