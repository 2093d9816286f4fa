import math

import pytest
import torch
from torch import nn

from steadygan.errors import NetworkError
from steadygan.spectral import krylov, operator, symbol
from steadygan.spectral.operator import compressed, operator_norm, operator_norm_bound

FLOAT32 = 2e-6  # a weight in float32, its rounding and the residual


def filled(layer: nn.Module, weight: torch.Tensor) -> nn.Module:
    layer.weight.data = weight.to(layer.weight).expand_as(layer.weight).clone()
    return layer


def smoothing(pixels: int) -> tuple[nn.Module, float]:
    """The weighted mean of three pixels, and its norm: the largest eigenvalue of a tridiagonal Toeplitz matrix."""
    layer = filled(nn.Conv1d(1, 1, 3, padding=1, bias=False).double(), torch.tensor([0.25, 0.5, 0.25]))
    return layer, 0.5 + 0.5 * math.cos(math.pi / (pixels + 1))


def orthogonal(channels: int) -> torch.Tensor:
    return torch.linalg.qr(torch.randn(channels, channels).double())[0]


@pytest.mark.parametrize("pixels", [1, 2, 5, 40, 400])
def test_the_norm_of_a_smoothing_kernel_in_closed_form(pixels):
    """At 400 pixels the two largest singular values differ by 1e-4, and there are restarts; the residual guarantees 1e-6."""
    layer, expected = smoothing(pixels)
    assert operator_norm(layer, (1, pixels)) == pytest.approx(expected, rel=1e-6)
    assert expected <= operator_norm_bound(layer, (1, pixels)) <= 1.01


def test_it_lies_on_neither_side_of_the_reshaped_kernel():
    """A mean over 3 pixels is 1 as a convolution and less as a row; a kernel that meets only zeros is 0 and more."""
    mean = filled(nn.Conv1d(1, 1, 3, padding=1, padding_mode="circular", bias=False), torch.tensor(1 / 3))
    assert operator_norm(mean, (1, 9)) == pytest.approx(1, rel=FLOAT32)
    assert float(mean.weight.detach().norm()) < 0.6
    idle = nn.Conv1d(1, 1, 1, stride=2, padding=1, bias=False)
    assert operator_norm(idle, (1, 1)) == operator_norm_bound(idle, (1, 1)) == 0
    assert float(idle.weight.detach().norm()) > 0


@pytest.mark.parametrize("padding_mode", ["zeros", "circular"])
@pytest.mark.parametrize("kind", ["dirac", "orthogonal 1x1", "shifts", "depthwise"])
def test_all_singular_values_equal(kind, padding_mode):
    """Every direction is a top direction: what converges must still be that value, and the bound must not miss it."""
    size, groups = (1 if "1x1" in kind else 3), (8 if kind == "depthwise" else 1)
    layer = nn.Conv2d(8, 8, size, padding=size // 2, groups=groups, padding_mode=padding_mode, bias=False).double()
    weight = torch.zeros_like(layer.weight)
    if kind == "depthwise":
        weight[:, :, 1, 1] = 1
    elif kind == "shifts":
        weight[range(8), range(8), [0, 1, 2, 0, 1, 2, 0, 1], [0, 0, 0, 1, 1, 2, 2, 2]] = 1
    else:
        weight[:, :, size // 2, size // 2] = torch.eye(8) if kind == "dirac" else orthogonal(8)
    norm = operator_norm(filled(layer, weight), (8, 6, 6))
    bound = operator_norm_bound(layer, (8, 6, 6))
    assert norm == pytest.approx(1, rel=1e-6)
    assert 1 <= bound <= 1.03


class Diagonal:
    """A map that scales each entry."""

    blocks = 1

    def __init__(self, weight: torch.Tensor) -> None:
        self.weight, self.input_shape, self.output_shape = weight, weight.shape, weight.shape

    def apply(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.weight

    adjoint = apply


@pytest.mark.parametrize("above", [1e-5, 1e-4, 1e-3, 1e-2, 1.0])
def test_one_singular_value_above_many_equal_ones(above):
    """A random vector has a residual below the tolerance here already, but the norm is another."""
    weight = torch.ones(200_000, dtype=torch.float64)
    weight[7] += above
    assert krylov.largest_singular_value(Diagonal, weight) == pytest.approx(1 + above, rel=1e-6)


def test_groups_count_by_the_largest():
    layer = nn.Conv2d(3, 3, 3, padding=1, groups=3, bias=False).double()
    alone = nn.Conv2d(1, 1, 3, padding=1, bias=False).double()
    norms = [operator_norm(filled(alone, weight.unsqueeze(0)), (1, 7, 7)) for weight in layer.weight.detach()]
    assert operator_norm(layer, (3, 7, 7)) == pytest.approx(max(norms), rel=2e-6)


@pytest.mark.parametrize("layer", [nn.Linear(6, 9), nn.Embedding(9, 6), nn.Conv2d(6, 9, 1), nn.ConvTranspose1d(6, 9, 1)])
def test_a_matrix_has_the_norm_of_a_matrix(layer):
    shape = {nn.Linear: (4, 6), nn.Embedding: (), nn.Conv2d: (6, 3, 3), nn.ConvTranspose1d: (6, 3)}[type(layer)]
    expected = float(torch.linalg.matrix_norm(layer.weight.detach().double().flatten(1), 2))
    assert operator_norm(layer, shape) == pytest.approx(expected, rel=1e-6)
    assert expected <= operator_norm_bound(layer, shape) <= expected * (1 + 1e-9)


def test_a_large_matrix_is_not_decomposed(monkeypatch):
    layer = nn.Linear(60, 50)
    expected = operator_norm(layer, (60,))
    monkeypatch.setattr(operator, "DIRECT", 40)
    assert operator_norm(layer, (3, 60)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e30, 1e300])
def test_scale_does_not_matter(scale):
    layer = nn.Conv2d(3, 4, 3, padding=1, bias=False).double()
    norm, bound = operator_norm(layer, (3, 6, 6)), operator_norm_bound(layer, (3, 6, 6))
    layer.weight.data *= scale
    assert operator_norm(layer, (3, 6, 6)) == pytest.approx(norm * scale, rel=1e-6)
    assert operator_norm_bound(layer, (3, 6, 6)) == pytest.approx(bound * scale, rel=1e-9)


@pytest.mark.parametrize("measure", [operator_norm, operator_norm_bound])
@pytest.mark.parametrize(
    ("layer", "shape"), [(nn.Conv2d(3, 4, 3), (3, 6, 6)), (nn.Linear(3, 4), (3,)), (nn.Embedding(3, 4), ())]
)
def test_zero_and_not_finite(measure, layer, shape):
    weight = layer.weight.detach()
    assert measure(filled(layer, torch.zeros(())), shape) == 0
    for bad in (math.nan, math.inf, -math.inf):
        layer.weight.data = weight.clone()
        layer.weight.data.flatten()[1] = bad
        assert math.isnan(measure(layer, shape))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_the_weight_in_fewer_digits(dtype):
    layer = nn.Conv2d(3, 4, 3, padding=1, bias=False).to(dtype)
    wide = filled(nn.Conv2d(3, 4, 3, padding=1, bias=False).double(), layer.weight.detach())
    assert operator_norm(layer, (3, 6, 6)) == pytest.approx(operator_norm(wide, (3, 6, 6)), rel=1e-6)
    with torch.autocast("cpu", torch.bfloat16):
        assert operator_norm(wide.float(), (3, 6, 6)) == pytest.approx(operator_norm(wide, (3, 6, 6)), rel=2e-6)


def test_the_weight_as_the_layer_uses_it():
    layer = nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3, padding=1))
    before = operator_norm(layer, (3, 6, 6))
    layer.parametrizations.weight.original0.data *= 3
    assert operator_norm(layer, (3, 6, 6)) == pytest.approx(3 * before, rel=FLOAT32)


def test_nothing_is_left_behind():
    layer = nn.Conv2d(3, 4, 3, padding=1)
    state = torch.get_rng_state()
    assert operator_norm(layer, (3, 6, 6)) == operator_norm(layer, (3, 6, 6))
    assert torch.equal(state, torch.get_rng_state())
    assert layer.weight.grad is None


@pytest.mark.parametrize("measure", [operator_norm, operator_norm_bound])
def test_what_is_not_known_is_named(measure):
    with pytest.raises(NetworkError, match="EmbeddingBag: not known as a linear map"):
        measure(nn.EmbeddingBag(3, 4), ())
    with pytest.raises(NetworkError, match=r"Conv2d: input_shape must be \(3, H, W\)"):
        measure(nn.Conv2d(3, 4, 3), (4, 6, 6))


def test_no_convergence_is_an_error(monkeypatch):
    monkeypatch.setattr(krylov, "PATIENCE", {torch.float32: 2, torch.float64: 3})
    with pytest.raises(NetworkError, match="no convergence after 3 iterations"):
        operator_norm(smoothing(400)[0], (1, 400))


@pytest.mark.parametrize(("channels", "kept"), [((2, 90), (2, 18)), ((90, 2), (18, 2)), ((8, 8), (8, 8))])
def test_channels_that_the_kernel_cannot_tell_apart(channels, kept):
    weight = torch.randn(*channels, 3, 3).double()
    few = compressed(weight, 1)
    assert few.shape[:2] == kept
    layer = nn.Conv2d(channels[1], channels[0], 3, padding=1, bias=False).double()
    small = nn.Conv2d(kept[1], kept[0], 3, padding=1, bias=False).double()
    layer.weight.data, small.weight.data = weight, few
    images = torch.eye(channels[1] * 9).double().reshape(-1, channels[1], 3, 3)
    expected = float(torch.linalg.matrix_norm(layer(images).detach().flatten(1), 2))
    assert operator_norm(layer, (channels[1], 3, 3)) == pytest.approx(expected, rel=1e-6)
    assert operator_norm(small, (kept[1], 3, 3)) == pytest.approx(expected, rel=1e-6)


def turns(angle: float, taps: torch.Tensor) -> torch.Tensor:
    """Rotations of the plane by `angle` times each number: [*k] -> [2, 2, *k]."""
    angles = angle * taps
    return torch.stack([torch.stack([angles.cos(), -angles.sin()]), torch.stack([angles.sin(), angles.cos()])])


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("density", symbol.DENSITIES)
def test_the_largest_norm_can_lie_between_the_points_of_the_grid(density, dimensions, monkeypatch):
    """1 + z R, R a rotation, has the norm 2 at the angle of R, here in the middle between two points; products of such, 2^D."""
    monkeypatch.setattr(symbol, "DENSITIES", (density,))
    monkeypatch.setattr(symbol, "SLACK", 1 + 1e-9)
    kernels = turns(math.pi / density, symbol.lattice([2] * dimensions).sum(1).double().reshape([2] * dimensions)).unsqueeze(0)
    on_grid = symbol.largest_on(kernels, symbol.grid([density] * dimensions))
    assert on_grid == pytest.approx((2 * math.cos(math.pi / (2 * density))) ** dimensions, rel=1e-8)
    assert 2**dimensions <= symbol.symbol_bound(kernels) <= 2**dimensions * (1 + 1e-8)


@pytest.mark.parametrize("density", symbol.DENSITIES)
def test_a_convolution_that_needs_the_correction(density, monkeypatch):
    """The same on a circle of pixels, which has that angle among its frequencies."""
    monkeypatch.setattr(symbol, "DENSITIES", (density,))
    layer = nn.Conv1d(2, 2, 2, padding="same", padding_mode="circular", bias=False).double()
    layer.weight.data = turns(math.pi / density, torch.arange(2.0).double())
    assert operator_norm(layer, (2, 2 * density)) == pytest.approx(2, rel=1e-6)
    assert operator_norm_bound(layer, (2, 2 * density)) >= 2


def test_a_circle_that_the_stride_does_not_divide():
    """Pixel 4 is the first that one output reads and the last of the other: [[2, 1], [1, 2]] = AA'. Without end, AA' is 2."""
    layer = nn.Conv1d(1, 1, 4, stride=2, padding=1, padding_mode="circular", bias=False).double()
    layer.weight.data = torch.tensor([[[1.0, 0, 0, 1]]], dtype=torch.float64)
    assert operator_norm(layer, (1, 5)) == pytest.approx(math.sqrt(3), rel=1e-6)
    assert operator_norm_bound(layer, (1, 5)) >= math.sqrt(3)


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 4, 3, 2, 3), (3, 1, 1, 4, 3), (1, 2, 2, 2, 2, 3)])
@pytest.mark.parametrize("density", [16, 4])
def test_the_symbol_on_a_much_finer_grid(shape, density, monkeypatch):
    monkeypatch.setattr(symbol, "DENSITIES", (density,))
    kernels = torch.randn(*shape).double()
    fine = symbol.largest_on(kernels, symbol.grid([7 * density * (taps - 1) for taps in shape[3:]]))
    bound = symbol.symbol_bound(kernels)
    cosines = math.cos(math.pi / (2 * density)) ** (len(shape) - 3)
    assert fine / math.sqrt(symbol.SLACK) <= bound <= fine * math.sqrt(symbol.SLACK) / cosines * (1 + 1e-9)


def test_a_grid_has_every_frequency_up_to_its_sign():
    grid = symbol.grid([4, 3])
    both = torch.cat([grid, -grid]).remainder(2 * math.pi).mul(1e6).round()
    assert len(both.unique(dim=0)) == 12
    assert len(grid) == 7  # 12 with two that are their own mirror image: (0, 0) and (pi, 0)


@pytest.mark.parametrize("known", [0.0, 1.0, 100.0])
def test_no_eigenvalue_is_above(known):
    factors = torch.randn(40, 6, 6).double()
    grams = factors @ factors.mT
    largest = float(torch.linalg.eigvalsh(grams).amax())
    above = symbol.above_all(grams, known)
    assert max(known, largest) <= above <= max(known, largest * symbol.SLACK * (1 + 1e-12))


def test_where_the_symbol_would_take_too_long(monkeypatch):
    """The other bounds remain; Tsuzuku's is at most the root of the number of taps above."""
    layer = nn.Conv2d(8, 8, 3, padding=1, bias=False)
    with_symbol = operator_norm_bound(layer, (8, 6, 6))
    monkeypatch.setattr(symbol, "FINE", 0)
    monkeypatch.setattr(symbol, "COARSE", 0)
    assert with_symbol < operator_norm_bound(layer, (8, 6, 6)) <= 3 * with_symbol


@pytest.mark.parametrize(
    ("layer", "shape", "tight"),
    [
        (nn.Conv2d(128, 128, 3, padding=1), (128, 16, 16), 1.05),
        (nn.Conv2d(64, 128, 4, 2, 1), (64, 16, 16), 1.05),
        (nn.ConvTranspose2d(128, 64, 4, 2, 1), (128, 8, 8), 1.05),
        (nn.Conv2d(3, 64, 3, padding=1), (3, 32, 32), 1.05),
        (nn.Conv2d(64, 1, 4), (64, 4, 4), 1.001),
        (nn.ConvTranspose2d(32, 64, 4), (32, 1, 1), 1.001),
        (nn.Conv1d(32, 64, 41, 4, 20, groups=4), (32, 256), 1.05),
        (nn.Conv3d(8, 8, 3, padding=1), (8, 6, 8, 8), 1.15),
    ],
    ids=lambda value: str(value) if isinstance(value, nn.Module) else "",
)
def test_layers_of_usual_size(layer, shape, tight):
    norm, bound = operator_norm(layer, shape), operator_norm_bound(layer, shape)
    assert norm <= bound <= tight * norm
