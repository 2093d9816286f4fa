"""Linear maps: each factor is the norm of the dense Jacobian, which is the same anywhere."""

import math

import pytest
import torch
import torch.nn.functional as F
from spectral_factors import steepness_at, upper
from torch import Tensor, nn

from steadygan.spectral import spectral_norm
from steadygan.spectral.following.windows import norm_along
from steadygan.spectral.lipschitz import lipschitz
from steadygan.spectral.operator import operator_norm_bound

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
