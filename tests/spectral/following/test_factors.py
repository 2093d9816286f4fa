"""Every factor against the norm of a dense Jacobian: anywhere for a linear map, else at its steepest point."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from steadygan.spectral import spectral_norm
from steadygan.spectral.following.activations import CONSTANTS
from steadygan.spectral.following.windows import norm_along
from steadygan.spectral.lipschitz import lipschitz
from steadygan.spectral.operator import operator_norm_bound


class Fn(nn.Module):
    """A function as a network."""

    def __init__(self, function, *layers):
        super().__init__()
        self.function, self.layers = function, nn.ModuleList(layers)
        self.like = nn.Parameter(torch.zeros(()))  # says in which type it is called

    def forward(self, x):
        return self.function(x, *self.layers)


def upper(module, shape):
    module = module if isinstance(module, nn.Module) else Fn(module)
    bounds = lipschitz(module.double().eval(), shape, n_samples=0)
    assert bounds.unknown == ()
    return bounds.upper


def steepness_at(module, x):
    """The norm of the dense Jacobian at one input [...]."""
    module = module if isinstance(module, nn.Module) else Fn(module)
    module = module.double().eval()
    jacobian = torch.autograd.functional.jacobian(lambda one: module(one[None])[0].flatten(), x.double())
    return float(torch.linalg.matrix_norm(jacobian.reshape(-1, x.numel()), 2))


LINEAR = {
    "linear": (nn.Linear(5, 7), (5,)),
    "linear on the last dimension": (nn.Linear(5, 7), (3, 5)),
    "matmul": (lambda x: x @ torch.arange(6.0).reshape(3, 2).double(), (4, 3)),
    "matmul from the left": (lambda x: torch.arange(6.0).reshape(2, 3).double() @ x, (3, 4)),
    "matmul with a vector": (lambda x: x @ torch.tensor([1.0, 2.0, 2.0]).double(), (4, 3)),
    "matmul with a stack": (lambda x: x @ torch.arange(12.0).reshape(2, 3, 2).double(), (2, 4, 3)),
    "a constant factor": (lambda x: -2.5 * x, (4,)),
    "a gate": (lambda x: x * torch.tensor([1.0, -3.0, 2.0]).double(), (3,)),
    "division": (lambda x: x / torch.tensor([1.0, -0.25, 2.0]).double(), (3,)),
    "1 - x": (lambda x: 1 - x, (3,)),
    "x + 3 x": (lambda x: torch.add(x, x, alpha=3), (3,)),
    "broadcast": (lambda x: x * torch.ones(1, 3, 4).double(), (3, 1)),
    "concatenation": (lambda x: torch.cat([x, 2 * x, torch.ones_like(x)], 1), (3,)),
    "stack": (lambda x: torch.stack([x, x, x], 2), (3,)),
    "sum over positions": (lambda x: x.sum((2, 3)), (2, 4, 5)),
    "sum over all but the batch": (lambda x: x.sum(dim=[-1, 1]), (2, 5)),
    "mean over positions": (lambda x: x.mean((-1, -2)), (2, 4, 5)),
    "flatten": (nn.Flatten(), (2, 3, 4)),
    "view": (lambda x: x.view(len(x), -1, 2), (3, 4)),
    "permute": (lambda x: x.permute(0, 3, 1, 2).contiguous(), (2, 3, 4)),
    "movedim": (lambda x: x.movedim(1, -1).flatten(1), (2, 3, 4)),
    "chunk": (lambda x: x.chunk(2, 1)[1], (4, 3)),
    "getitem": (lambda x: x[:, 1:, None, ..., 0], (4, 3)),
    "getitem of one position": (lambda x: x[:, 0], (4, 3)),
    "getitem with copies": (lambda x: x[:, [1, 1, 1]], (4,)),
    "gather": (lambda x: x.gather(1, torch.tensor([[2, 2], [2, 2]])[: len(x)]), (4,)),
    "expand": (lambda x: x.expand(-1, -1, 5), (3, 1)),
    "repeat": (lambda x: x.repeat(1, 3, 2), (2, 2)),
    "repeat_interleave": (lambda x: x.repeat_interleave(3, dim=1), (4,)),
    "flip": (lambda x: x.flip(1), (4,)),
    "roll": (lambda x: x.roll(1, 1), (4,)),
    "pixel_shuffle": (nn.PixelShuffle(2), (8, 3, 3)),
    "addcmul": (lambda x: torch.addcmul(torch.ones(1).double(), x, torch.tensor([1.0, -4.0]).double(), value=0.5), (2,)),
    "avg_pool": (nn.AvgPool2d(2), (2, 6, 8)),
    "avg_pool that overlaps": (nn.AvgPool2d(3, stride=2, padding=1), (1, 7, 6)),
    "avg_pool without the padding": (nn.AvgPool2d(3, 2, 1, count_include_pad=False), (1, 7, 6)),
    "avg_pool with ceil_mode": (nn.AvgPool1d(3, 2, ceil_mode=True), (1, 8)),
    "avg_pool with a divisor": (nn.AvgPool2d((2, 3), divisor_override=2), (1, 4, 6)),
    "avg_pool with a divisor and padding": (nn.AvgPool2d(3, 2, 1, count_include_pad=False, divisor_override=5), (1, 7, 6)),
    "avg_pool3d": (nn.AvgPool3d((1, 2, 3), stride=(1, 1, 2)), (1, 2, 4, 5)),
    "adaptive_avg_pool": (nn.AdaptiveAvgPool2d((3, 1)), (2, 7, 5)),
    "nearest": (nn.Upsample(scale_factor=2), (2, 3, 4)),
    "nearest to a size": (lambda x: F.interpolate(x, size=(5, 7)), (1, 3, 4)),
    "bilinear": (nn.Upsample(scale_factor=2, mode="bilinear"), (1, 4, 5)),
    "bilinear with corners": (nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), (1, 4, 5)),
    "bilinear down": (lambda x: F.interpolate(x, scale_factor=0.6, mode="bilinear"), (1, 7, 6)),
    "linear 1-d": (nn.Upsample(size=9, mode="linear"), (2, 4)),
    "area": (lambda x: F.interpolate(x, size=(2, 3), mode="area"), (1, 5, 6)),
    "zero padding": (nn.ZeroPad2d((1, 2, 0, 3)), (1, 3, 4)),
    "reflection": (nn.ReflectionPad2d((1, 2, 2, 0)), (1, 4, 5)),
    "replication": (nn.ReplicationPad1d((3, 1)), (2, 4)),
    "circular": (nn.CircularPad2d(2), (1, 4, 5)),
}


@pytest.mark.parametrize("name", LINEAR)
def test_linear_maps_are_exact(name):
    module, shape = LINEAR[name]
    # the bound is rounded up by 1e-12 for each dimension; 1e-10 is what a float64 decomposition leaves
    assert upper(module, shape) == pytest.approx(steepness_at(module, torch.zeros(shape)), rel=1e-10)


def test_batch_norm_in_evaluation_is_exact():
    norm = nn.BatchNorm2d(3)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, -5.0, 2.0]))
        norm.running_var.copy_(torch.tensor([0.1, 4.0, 0.5]))
    assert upper(norm, (3, 2, 2)) == pytest.approx(steepness_at(norm, torch.zeros(3, 2, 2)), rel=1e-10)
    norm.weight.data.fill_(0)
    assert upper(norm, (3, 2, 2)) == 0


def test_instance_norm_with_running_statistics_is_exact():
    norm = nn.InstanceNorm1d(2, affine=True, track_running_stats=True)
    norm.running_var.copy_(torch.tensor([0.25, 4.0]))
    assert upper(norm, (2, 5)) == pytest.approx(1 / math.sqrt(0.25 + 1e-5), rel=1e-12)


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


CONVOLUTIONS = {
    "conv1d": (nn.Conv1d(3, 4, 3, stride=2, padding=1), (3, 8)),
    "conv2d": (nn.Conv2d(2, 3, 3, padding=1, dilation=2), (2, 6, 6)),
    "grouped": (nn.Conv2d(4, 4, 3, groups=2), (4, 5, 5)),
    "conv3d": (nn.Conv3d(1, 2, 2, stride=2), (1, 4, 4, 4)),
    "same": (nn.Conv2d(1, 2, 3, padding="same"), (1, 5, 5)),
    "transposed": (nn.ConvTranspose2d(3, 2, 4, stride=2, padding=1), (3, 4, 4)),
    "transposed with more": (nn.ConvTranspose1d(4, 6, 3, 2, 1, output_padding=1, groups=2, dilation=2), (4, 5)),
    "circular": (nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular"), (2, 5, 5)),
    "reflect": (nn.Conv1d(2, 3, 3, padding=2, padding_mode="reflect"), (2, 6)),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions_take_the_bound_of_the_layer(name):
    layer, shape = CONVOLUTIONS[name]
    layer = layer.double()
    found, truth = upper(layer, shape), steepness_at(layer, torch.zeros(shape))
    assert found == pytest.approx(operator_norm_bound(layer, shape), rel=1e-12)
    assert truth <= found <= 2 * truth
    if layer.padding_mode == "zeros":
        kernel = layer.weight.detach()
        kind = "conv_transpose" if "transposed" in name else "conv"
        settings = {"stride": layer.stride, "padding": layer.padding, "groups": layer.groups, "dilation": layer.dilation}
        settings |= {"output_padding": layer.output_padding} if "transposed" in name else {}
        function = getattr(F, f"{kind}{kernel.dim() - 2}d")
        assert upper(lambda x: function(x, kernel, **settings), shape) == pytest.approx(
            found, rel=1e-12
        )  # as code of their own does it
        positions = (
            ("stride", "padding", "output_padding", "groups", "dilation")
            if "transposed" in name
            else (*("stride", "padding", "dilation", "groups"),)
        )
        assert upper(lambda x: function(x, kernel, None, *(settings[each] for each in positions)), shape) == pytest.approx(
            found, rel=1e-12
        )


def test_a_residual_block_is_one_steeper_than_its_branch():
    branch = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 4))
    alone = upper(branch, (4,))
    assert upper(Fn(lambda x, f: x + f(x), branch), (4,)) == pytest.approx(1 + alone, rel=1e-12)
    assert upper(Fn(lambda x, f: x - 0.5 * f(x), branch), (4,)) == pytest.approx(1 + 0.5 * alone, rel=1e-12)


def test_joined_outputs_are_one_vector():
    linear = nn.Linear(4, 8).double()
    sigma = float(torch.linalg.matrix_norm(linear.weight.detach(), 2))
    for join in (lambda a, b: (a, b), lambda a, b: {"a": a, "b": [b]}, lambda a, b: torch.cat([a, b], 1)):
        assert upper(Fn(lambda x, f, join=join: join(x, f(x)), linear), (4,)) == pytest.approx(math.hypot(1, sigma), rel=1e-10)


def test_where_and_masked_fill_by_constants():
    mask = torch.tensor([True, False, True])
    assert upper(lambda x: torch.where(mask, x, 2 * x), (3,)) == pytest.approx(math.sqrt(5))
    assert upper(lambda x: x.masked_fill(mask, 7.0), (3,)) == 1


def test_long_signals_are_bounded_by_row_and_column_sums():
    """Windows that do not overlap: both ways give the same. Those that do: the bound lies above, by less than a tenth here."""

    def apart(x: Tensor) -> Tensor:
        return F.avg_pool1d(x, 4)

    def overlapping(x: Tensor) -> Tensor:
        return F.avg_pool1d(x, 3, 2, 1)

    assert norm_along(2048, apart) == pytest.approx(norm_along(64, apart), rel=1e-10)
    assert 1 <= norm_along(2048, overlapping) / norm_along(512, overlapping) <= 1.1
    assert lipschitz(nn.AvgPool1d(4), (1, 5000), n_samples=0).upper == pytest.approx(0.5, rel=1e-10)


def test_a_normalized_convolution_that_pads_by_itself_is_taken_as_one():
    layer = nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect")
    spectral_norm(layer, mode="hard")
    assert upper(layer, (2, 5, 5)) == pytest.approx(operator_norm_bound(layer, (2, 5, 5)), rel=1e-12)


@pytest.mark.parametrize("label_dependent", [False, True])
def test_what_is_made_of_the_label(label_dependent):
    """A projection: the class embedding is bounded by its largest entry over all classes, not by that of the label at hand."""

    class Projection(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(3, 4)

        def forward(self, x, label):
            row = self.table(label)
            return (x * (row.exp() if label_dependent else row.view(len(x), 4))).sum(1)

    network = Projection().eval()
    with torch.no_grad():
        network.table.weight.copy_(torch.tensor([[1.0, 1, 1, 1], [-5, -5, -5, -5], [2, 2, 2, 2]]))
    bounds = lipschitz(network, (4,))
    if label_dependent:
        assert bounds.unknown == ("Projection: mul by a factor that is not finite or depends on the label",)
    else:
        assert bounds.upper == pytest.approx(10)  # label 1; the search held label 0
        assert bounds.lower == pytest.approx(2, rel=1e-4)


def test_a_matrix_made_of_the_label_is_named():
    class Hyper(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(3, 12)

        def forward(self, x, label):
            return F.linear(x, self.table(label)[0].view(3, 4))

    (found,) = lipschitz(Hyper().eval(), (4,)).unknown
    assert found == "Hyper: linear with a weight that depends on the label"
