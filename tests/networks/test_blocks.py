"""The ladder of resolutions, sampling, residual blocks and first weights."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from steadygan.errors import ConfigError
from steadygan.networks.base import Spec
from steadygan.networks.blocks import DownBlock, UpBlock, downsampled, full_precision, glorot, image_shape, ladder, upsampled

torch.set_num_threads(1)


@pytest.mark.parametrize("resolution", range(8, 257, 4))
def test_the_ladder_reaches_every_resolution(resolution):
    base, n_doublings = ladder(resolution)
    assert base * 2**n_doublings == resolution
    assert base >= 4
    assert n_doublings >= 1
    assert base % 2 == 1 or base // 2 < 4  # no further halving was left


@pytest.mark.parametrize(
    ("resolution", "message"),
    [
        (50, "network: resolution 50 is not a multiple of 4; use 48 or 52"),
        (255, "network: resolution 255 is not a multiple of 4; use 252 or 256"),
        (4, "network: resolution 4 is outside 8..256; use 8"),
        (257, "network: resolution 257 is outside 8..256; use 256"),
    ],
)
def test_other_resolutions_are_refused_with_the_nearest(resolution, message):
    with pytest.raises(ConfigError) as caught:
        ladder(resolution)
    assert str(caught.value) == message


def test_image_shape_refuses_points_and_rectangles():
    assert image_shape(Spec(shape=(3, 32, 32))) == (3, 32)
    with pytest.raises(ConfigError, match="use network mlp"):
        image_shape(Spec(shape=(2,)))
    with pytest.raises(ConfigError, match="28x32, not square; set resolution 28"):
        image_shape(Spec(shape=(1, 28, 32)))


def test_sampling_up_repeats_and_down_averages():
    image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    assert upsampled(image).tolist() == [[[[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]]]
    assert downsampled(image).tolist() == [[[[2.5]]]]
    assert torch.equal(downsampled(upsampled(image)), image)


@pytest.mark.parametrize("gain", [1.0, math.sqrt(2)])
def test_glorot_fills_its_interval(gain):
    """Uniform on +-gain * sqrt(6 / (fan_in + fan_out)); the largest of 36,864 draws is within 0.1 % but for e^-36."""
    conv = glorot(nn.Conv2d(64, 64, 3), gain)
    bound = gain * math.sqrt(6 / (64 * 9 + 64 * 9))
    assert 0.999 * bound < conv.weight.abs().max() <= bound
    assert not conv.bias.any()


def test_full_precision_widens_and_never_narrows():
    assert full_precision(torch.zeros(1, dtype=torch.bfloat16)).dtype == torch.float32
    assert full_precision(torch.zeros(1, dtype=torch.float64)).dtype == torch.float64


def silence(conv: nn.Conv2d) -> None:
    """Make the branch that ends in `conv` add nothing."""
    nn.init.zeros_(conv.weight)


def features(channels: int) -> torch.Tensor:
    return torch.randn(2, channels, 8, 8, generator=torch.Generator().manual_seed(0))


def test_the_shortcut_of_a_down_block_carries_the_input_itself():
    """An in-place ReLU in the residual branch would turn this into the positive part."""
    block = DownBlock(6, 6, "none", down=False)
    silence(block.conv2)
    given = features(6)
    assert (given < 0).any()
    assert torch.equal(block(given.clone()), given)


@pytest.mark.parametrize("first", [False, True])
def test_the_learned_shortcut_of_a_down_block_is_pooling_and_a_1x1_convolution_in_either_order(first):
    """Both orders are the same linear map; they differ by float32 rounding of sums of 4 * 6 terms of order 1."""
    block = DownBlock(6, 5, "none", down=True, first=first)
    silence(block.conv2)
    given = features(6)
    expected = F.avg_pool2d(F.conv2d(given, block.shortcut.weight, block.shortcut.bias), 2)
    torch.testing.assert_close(block(given.clone()), expected, rtol=0, atol=1e-5)


def test_an_up_block_is_the_paper_s():
    """Written out as in the official code, whose shortcut upsamples first; rounding of sums of 54 terms of order 1."""
    block = UpBlock(6, 5, "batch")
    given = features(6)
    hidden = F.conv2d(upsampled(F.relu(normalized(given))), block.conv1.weight, block.conv1.bias, padding=1)
    residual = F.conv2d(F.relu(normalized(hidden)), block.conv2.weight, block.conv2.bias, padding=1)
    shortcut = F.conv2d(upsampled(given), block.shortcut.weight, block.shortcut.bias)
    torch.testing.assert_close(block(given.clone()), residual + shortcut, rtol=0, atol=1e-4)


def normalized(given: torch.Tensor) -> torch.Tensor:
    return F.batch_norm(given, None, None, training=True)


def test_the_first_block_neither_normalizes_nor_rectifies_the_image():
    """f(x) computed by hand: conv, ReLU, conv, pool, and nothing in front; the sums are the same ones in the same order."""
    block = DownBlock(3, 5, "none", down=True, first=True)
    silence(block.shortcut)
    image = features(3)
    expected = F.avg_pool2d(block.conv2(F.relu(block.conv1(image))), 2)
    assert torch.equal(block(image), expected)
