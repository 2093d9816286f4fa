import copy
import math

import pytest
import torch
from torch import nn

from steadygan.errors import NetworkError
from steadygan.spectral.maps import linear_map

LAYERS = {
    "linear": (nn.Linear(5, 7, bias=False), (5,)),
    "linear on a sequence": (nn.Linear(5, 7, bias=False), (4, 5)),
    "strided": (nn.Conv2d(3, 6, 4, 2, 1, bias=False), (3, 8, 8)),
    "grouped, reflect": (nn.Conv2d(4, 6, 3, 1, 1, groups=2, bias=False, padding_mode="reflect"), (4, 5, 6)),
    "circular": (nn.Conv1d(2, 3, 4, padding="same", bias=False, padding_mode="circular"), (2, 7)),
    "replicate": (nn.Conv3d(1, 2, 3, 2, 2, bias=False, padding_mode="replicate"), (1, 3, 4, 5)),
    "transposed": (nn.ConvTranspose2d(4, 2, 3, 2, 1, 1, groups=2, bias=False), (4, 3, 3)),
    "idle outputs": (nn.ConvTranspose1d(2, 3, 2, 1, 0, 2, dilation=3, bias=False), (2, 4)),
}
of_every_kind = pytest.mark.parametrize("kind", LAYERS)


def rows(one, dtype=torch.float64):
    return torch.randn(2, math.prod(one.input_shape), dtype=dtype), torch.randn(2, math.prod(one.output_shape), dtype=dtype)


@of_every_kind
def test_it_is_the_layer_without_bias_at_the_given_weight(kind):
    """Another weight than the layer's own, on images and on rows."""
    layer, shape = LAYERS[kind]
    other = copy.deepcopy(layer)
    weight = torch.randn_like(layer.weight)
    other.weight.data = weight
    images = torch.randn(3, *shape)
    one = linear_map(layer, weight, shape)
    expected = other(images)
    assert one.output_shape == tuple(expected.shape[1:])
    for x in (images, images.flatten(1)):
        torch.testing.assert_close(one.apply(x), expected.flatten(1))


@of_every_kind
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_type_and_no_grad(kind, dtype):
    layer, shape = LAYERS[kind]
    with torch.no_grad():
        one = linear_map(layer, layer.weight.to(dtype), shape)
        x, y = rows(one, dtype)
        for result in (one.apply(x), one.adjoint(y), one.gradient(x, y)):
            assert result.dtype == dtype
            assert not result.requires_grad
        assert one.apply(x).shape == y.shape
        assert one.adjoint(y).shape == x.shape
        assert one.gradient(x, y).shape == layer.weight.shape


@of_every_kind
def test_derivatives_of_both_directions_to_second_order(kind):
    layer, shape = LAYERS[kind]
    weight = layer.weight.detach().double().requires_grad_()
    x, y = rows(linear_map(layer, weight, shape))
    x, y = x[:1].requires_grad_(), y[:1].requires_grad_()

    def apply(weight, x):
        return linear_map(layer, weight, shape).apply(x)

    def adjoint(weight, y):
        return linear_map(layer, weight, shape).adjoint(y)

    assert torch.autograd.gradcheck(apply, (weight, x), fast_mode=True)
    assert torch.autograd.gradcheck(adjoint, (weight, y), fast_mode=True)
    assert torch.autograd.gradgradcheck(adjoint, (weight, y), fast_mode=True)


@of_every_kind
def test_compiled_and_transformed(kind):
    """The very same operations, so the same numbers."""
    layer, shape = LAYERS[kind]
    x, y = rows(linear_map(layer, layer.weight, shape), torch.float32)

    def bilinear(weight):
        one = linear_map(layer, weight, shape)
        return (one.apply(x) * y).sum() + (one.adjoint(y) * x).sum()

    weight = layer.weight.detach()
    expected = 2 * linear_map(layer, weight, shape).gradient(x, y)
    torch._dynamo.reset()
    compiled = torch.compile(bilinear, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(weight), bilinear(weight))
    torch.testing.assert_close(torch.func.grad(bilinear)(weight), expected)
    torch.testing.assert_close(torch.func.vmap(torch.func.grad(bilinear))(weight.unsqueeze(0))[0], expected)


def test_groups_stand_side_by_side():
    """An input in one group has its output in the same group, in the same part of the row."""
    layer = nn.Conv2d(4, 6, 3, padding=1, groups=2)
    one = linear_map(layer, layer.weight.detach(), (4, 5, 5))
    x = torch.zeros(1, 4 * 25)
    x[0, 50:] = 1
    y = one.apply(x)
    assert one.blocks == 2
    assert not y[0, : 3 * 25].any()
    assert y[0, 3 * 25 :].any()


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (nn.Bilinear(2, 3, 4), (2,), "Bilinear: not known as a linear map"),
        (nn.BatchNorm2d(3), (3, 4, 4), "BatchNorm2d: not known"),
        (nn.Conv2d(3, 4, 3), (4, 8, 8), r"Conv2d: input_shape must be \(3, H, W\), got \(4, 8, 8\); leave out the batch"),
        (nn.Conv2d(3, 4, 3), (2, 3, 8, 8), r"must be \(3, H, W\), got \(2, 3, 8, 8\)"),
        (nn.Conv1d(3, 4, 3), (3,), r"must be \(3, W\)"),
        (nn.Conv1d(3, 4, 3), (), r"must be \(3, W\)"),
        (nn.ConvTranspose3d(3, 4, 3), (4, 2, 2, 2), r"must be \(3, D, H, W\)"),
        (nn.Linear(3, 4), (4,), r"Linear: input_shape must end with 3, got \(4,\)"),
        (nn.Linear(3, 4), (), "must end with 3"),
        (nn.Conv2d(3, 4, 5), (3, 4, 4), "has no output; input_shape is too small"),
        (nn.ConvTranspose1d(3, 4, 1, padding=2), (3, 3), "has no output"),
        (nn.Conv1d(3, 4, 3, padding=2, padding_mode="reflect"), (3, 2), "too small for reflect padding of 2; pad 1 at most"),
        (nn.Conv1d(3, 4, 3, padding=3, padding_mode="circular"), (3, 2), "too small for circular padding of 3; pad 2 at most"),
    ],
)
def test_errors_say_what_was_found(layer, shape, message):
    with pytest.raises(NetworkError, match=message):
        linear_map(layer, torch.zeros(()), shape)
