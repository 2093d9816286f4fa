"""Linear maps, norms and bounds of 360 generated convolutions against the dense matrix of torch's own forward pass."""

import math
import random
import warnings
from functools import cache
from itertools import islice
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from steadygan.errors import NetworkError
from steadygan.spectral.maps import linear_map
from steadygan.spectral.operator import operator_norm, operator_norm_bound

MODES = ("zeros", "circular", "reflect", "replicate", "transposed")
LAYERS = {
    False: (nn.Conv1d, nn.Conv2d, nn.Conv3d),
    True: (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
}
ROUNDING = 1e-12  # numpy's singular values and the products are off by a few hundred eps


class Configuration(NamedTuple):
    number: int
    mode: str
    input_shape: tuple[int, ...]
    settings: dict

    def layer(self) -> nn.Module:
        kind = LAYERS[self.mode == "transposed"][len(self.input_shape) - 2]
        layer = kind(**self.settings, bias=False, dtype=torch.float64)
        weight = layer.weight.detach()
        weight.normal_(generator=torch.Generator().manual_seed(self.number))
        if self.number % 4 == 1:
            weight.abs_()  # one direction far above the others
        if self.number % 4 == 2:
            weight.mul_(weight.abs() > 1)  # taps that are zero
        return layer

    def dense(self) -> torch.Tensor:
        size = math.prod(self.input_shape)
        with warnings.catch_warnings():  # of the speed of padding="same" with an even kernel
            warnings.simplefilter("ignore")
            images = self.layer()(torch.eye(size, dtype=torch.float64).reshape(size, *self.input_shape))
        return images.detach().flatten(1).T


def draw(number: int, mode: str) -> Configuration:
    """Anything that may be written down; torch refuses some of it."""
    choose = random.Random(number)
    dimensions = 1 + number // len(MODES) % 3
    largest_kernel, largest_size = ((6, 14), (4, 7), (3, 4))[dimensions - 1]

    def each(low: int, high: int) -> tuple[int, ...]:
        return tuple(choose.randint(low, high) for _ in range(dimensions))

    groups = choose.choice([1, 1, 2, 3])
    settings = {
        "in_channels": groups * choose.randint(1, 3),
        "out_channels": groups * choose.randint(1, 3),
        "kernel_size": each(1, largest_kernel),
        "stride": each(1, 3),
        "padding": each(0, 1 if mode == "reflect" else 3),
        "dilation": choose.choice([each(1, 1), each(1, 3)]),
        "groups": groups,
    }
    if mode == "transposed":
        limits = [max(pair) - 1 for pair in zip(settings["stride"], settings["dilation"], strict=True)]
        settings["output_padding"] = tuple(choose.randint(0, limit) for limit in limits)
    else:
        settings["padding_mode"] = mode
        if choose.random() < 0.2:
            settings |= {"stride": 1, "padding": choose.choice(["same", "valid"])}
    return Configuration(number, mode, (settings["in_channels"], *each(1, largest_size)), settings)


def accepted(configuration: Configuration) -> bool:
    try:
        configuration.dense()
    except (RuntimeError, ValueError):
        return False
    return True


def first_of_each_kind(drawn: list[Configuration], many: int) -> list[Configuration]:
    kinds = [(mode, ndim) for ndim in (2, 3, 4) for mode in MODES]
    fitting = [[each for each in drawn if (each.mode, len(each.input_shape)) == kind] for kind in kinds]
    return [each for kind in fitting for each in islice(filter(accepted, kind), many)]


DRAWN = [draw(number, MODES[number % len(MODES)]) for number in range(1500)]
ACCEPTED = first_of_each_kind(DRAWN, 24)
REFUSED = [each for each in DRAWN[:200] if not accepted(each)]
over_the_grid = pytest.mark.parametrize("configuration", ACCEPTED, ids=lambda each: f"{each.number}-{each.mode}")


@cache
def truth(number: int) -> float:
    return float(np.linalg.norm(DRAWN[number].dense().numpy(), 2))


@cache
def bound(number: int) -> float:
    return operator_norm_bound(DRAWN[number].layer(), DRAWN[number].input_shape)


def test_the_grid_has_everything_in_it():
    assert len(ACCEPTED) == 24 * len(MODES) * 3
    assert len(REFUSED) >= 20
    for name, usual in {"stride": 1, "dilation": 1, "output_padding": 0}.items():
        values = [each.settings.get(name, 1) for each in ACCEPTED]
        assert sum(isinstance(value, tuple) and max(value) > usual for value in values) >= 25
    assert sum(each.settings["groups"] > 1 for each in ACCEPTED) >= 100
    assert sum(each.settings["padding"] == "same" for each in ACCEPTED) >= 15
    assert sum(1 in each.input_shape[1:] for each in ACCEPTED) >= 50
    assert sum(truth(each.number) == 0 for each in ACCEPTED) >= 1


@over_the_grid
def test_the_map_and_its_adjoint(configuration):
    layer, dense = configuration.layer(), configuration.dense()
    one = linear_map(layer, layer.weight.detach(), configuration.input_shape)
    outputs, inputs = dense.shape
    assert (math.prod(one.output_shape), math.prod(one.input_shape)) == (outputs, inputs)
    scale = ROUNDING * float(dense.abs().max())
    assert one.apply(torch.eye(inputs).double()).T.sub(dense).abs().max() <= scale
    assert one.adjoint(torch.eye(outputs).double()).sub(dense).abs().max() <= scale
    x, y = torch.randn(3, inputs).double(), torch.randn(3, outputs).double()
    left, right = (one.apply(x) * y).sum(), (x * one.adjoint(y)).sum()
    assert abs(float(left - right)) <= ROUNDING * float(one.apply(x).norm() * y.norm())


@over_the_grid
def test_the_gradient_in_the_weight(configuration):
    layer = configuration.layer()
    one = linear_map(layer, layer.weight, configuration.input_shape)
    x = torch.randn(2, math.prod(one.input_shape)).double()
    y = torch.randn(2, math.prod(one.output_shape)).double()
    (expected,) = torch.autograd.grad((one.apply(x) * y).sum(), layer.weight)
    (by_adjoint,) = torch.autograd.grad((x * one.adjoint(y)).sum(), layer.weight)
    limit = ROUNDING * float(x.norm() * y.norm())
    assert one.gradient(x, y).sub(expected).abs().max() <= limit
    assert by_adjoint.sub(expected).abs().max() <= limit


@over_the_grid
def test_the_norm_is_that_of_the_dense_matrix(configuration):
    """The residual guarantees 1e-6."""
    found = operator_norm(configuration.layer(), configuration.input_shape)
    assert found == pytest.approx(truth(configuration.number), rel=1e-6, abs=0)


@over_the_grid
def test_the_bound_is_never_below(configuration):
    assert bound(configuration.number) >= truth(configuration.number) * (1 - ROUNDING)


def test_the_bound_is_tight():
    """On these tiny images, 1 to 14 pixels wide; what is read in several places of the padding may count several times."""
    ratios = {mode: [] for mode in MODES}
    for each in ACCEPTED:
        if truth(each.number) > 0:
            ratios[each.mode].append(bound(each.number) / truth(each.number))
    medians = {mode: float(np.median(values)) for mode, values in ratios.items()}
    assert max(medians[mode] for mode in ("zeros", "circular", "transposed")) < 1.1
    assert max(medians.values()) < 1.4


@pytest.mark.parametrize("configuration", REFUSED, ids=lambda each: f"{each.number}-{each.mode}")
def test_what_torch_refuses_is_refused(configuration):
    with pytest.raises(NetworkError, match="Conv"):
        operator_norm(configuration.layer(), configuration.input_shape)
