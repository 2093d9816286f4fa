"""Differentiable augmentation."""

import math

import pytest
import torch
from torch import Tensor

from steadygan.augmentation import AUGMENTATIONS, DiffAugment, Flip, color, cutout, shifted, translation
from steadygan.errors import ConfigError, NetworkError

torch.set_num_threads(1)

NAMES, SIDE = list(AUGMENTATIONS), 16


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(n: int = 32, channels: int = 3) -> Tensor:
    return torch.rand(n, channels, SIDE, SIDE, generator=stream(9)) * 2 - 1


@pytest.mark.parametrize("name", NAMES)
def test_the_state_of_the_stream_decides_the_draw(name):
    part, random = AUGMENTATIONS.build(name), stream()
    first, second = part.transform(images(), random), part.transform(images(), random)
    assert torch.equal(first, part.transform(images(), stream()))
    assert not torch.equal(first, second)  # real and fake, one after the other, get draws of their own


@pytest.mark.parametrize("name", NAMES)
def test_the_global_stream_is_not_touched(name):
    before = torch.random.get_rng_state()
    AUGMENTATIONS.build(name).transform(images(), stream())
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("name", NAMES)
def test_each_image_has_its_own_draw(name):
    same = images(1).expand(32, -1, -1, -1)
    assert not (
        AUGMENTATIONS.build(name).transform(same, stream()) == AUGMENTATIONS.build(name).transform(same, stream())[0]
    ).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 3])
def test_shape_type_and_range_stay_sane(name, channels):
    extreme = torch.cat([images(256, channels).sign(), torch.full((256, channels, SIDE, SIDE), 1.0)])
    changed = AUGMENTATIONS.build(name).transform(extreme, stream())
    assert changed.shape == extreme.shape
    assert changed.dtype == extreme.dtype
    assert changed.abs().max() <= (1 if name == "flip" else 5.5)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_right(name):
    part = AUGMENTATIONS.build(name)
    given = images(3)[:, :2, :6, :6].double().requires_grad_(True)
    assert torch.autograd.gradcheck(lambda x: part.transform(x, stream()), (given,))


@pytest.mark.parametrize("name", NAMES)
def test_draws_follow_the_images_to_their_device(name):
    assert AUGMENTATIONS.build(name).transform(images().to("meta"), stream()).device.type == "meta"


@pytest.mark.parametrize("name", NAMES)
def test_points_are_refused(name):
    with pytest.raises(NetworkError, match=r"needs images \[B, C, H, W\], got \[8, 2\]"):
        AUGMENTATIONS.build(name).transform(torch.zeros(8, 2), stream())


@pytest.mark.parametrize("name", NAMES)
def test_settings_survive_being_written_down(name):
    part = AUGMENTATIONS.build(name)
    assert AUGMENTATIONS.build(part.spec()) == part


def test_an_unknown_step_is_named_with_the_nearest():
    with pytest.raises(ConfigError, match="no such step as 'colour'; did you mean 'color'"):
        AUGMENTATIONS.build({"name": "diffaugment", "policy": "colour"})


def test_the_policy_says_which_steps_are_taken_in_which_order():
    one_by_one = translation(color(images(), random := stream()), random)
    assert torch.equal(DiffAugment(policy="color,translation").transform(images(), stream()), one_by_one)


def test_half_of_the_images_are_mirrored():
    """Binomial(4000, 1/2): standard deviation 31.6, so within 6 of them but for 2e-9."""
    given = images(1).expand(4000, -1, -1, -1)
    changed = Flip().transform(given, stream())
    mirrored = (changed == given.flip(3)).flatten(1).all(1)
    assert ((changed == given).flatten(1).all(1) ^ mirrored).all()
    assert abs(mirrored.sum().item() - 2000) < 6 * math.sqrt(1000)


def test_color_is_brightness_saturation_and_contrast():
    """Saturation keeps the channel mean and contrast the image mean, so the image mean moves by the brightness alone."""
    given = images(2000)
    changed = color(given, stream())
    moved = (changed - given).mean((1, 2, 3))
    assert moved.abs().max() <= 0.5 + 1e-5
    assert moved.max() > 0.49
    assert moved.min() < -0.49
    spread = changed.mean(1).std((1, 2)) / given.mean(1).std((1, 2))  # of the channel mean: contrast alone changes it
    assert 0.5 - 1e-4 <= spread.min() < 0.51
    assert 1.49 < spread.max() <= 1.5 + 1e-4
    chroma = (changed - changed.mean(1, keepdim=True)).std((1, 2, 3)) / (given - given.mean(1, keepdim=True)).std((1, 2, 3))
    assert 0 <= (chroma / spread).min() < 0.01
    assert 1.99 < (chroma / spread).max() <= 2 + 1e-4


def test_a_shift_is_exact_and_0_moves_in():
    row = torch.arange(1.0, 6.0).reshape(1, 1, 1, 5).expand(3, 1, 2, 5)
    moved = shifted(row, torch.tensor([[2], [-1], [0]]), axis=3)
    assert moved[:, 0, 0].tolist() == [[3, 4, 5, 0, 0], [0, 1, 2, 3, 4], [1, 2, 3, 4, 5]]
    turned = shifted(row.transpose(2, 3), torch.tensor([[2], [-1], [0]]), axis=2)
    assert torch.equal(turned, moved.transpose(2, 3))


def test_translation_reaches_every_offset_up_to_an_eighth_equally_often():
    """A single lit pixel shows the offset: 25 of them, 4000 draws, so 160 each with standard deviation 12.4: within 6."""
    given = torch.zeros(4000, 1, SIDE, SIDE)
    given[:, :, 8, 8] = 1
    found = translation(given, stream()).flatten(1).argmax(1)
    offsets = torch.stack([found // SIDE - 8, found % SIDE - 8], 1)
    places, counts = offsets.unique(dim=0, return_counts=True)
    assert offsets.abs().max() == 2
    assert len(places) == 25
    assert (counts - 160).abs().max() < 6 * 12.4


def test_cutout_removes_a_square_of_half_the_side_about_any_centre():
    holes = cutout(torch.ones(4000, 1, SIDE, SIDE), stream())[:, 0] == 0
    rows, columns = holes.any(2), holes.any(1)
    assert torch.equal(holes, rows[:, :, None] & columns[:, None, :])  # a rectangle
    for along in (rows, columns):
        assert (along.int().diff(dim=1).abs().sum(1) <= 2).all()  # in one piece
        assert along.sum(1).max() == SIDE // 2
        assert along.sum(1).min() == SIDE // 4  # centred on the border, half of it hangs out
        assert along.any(0).all()


def test_gray_images_keep_their_one_channel_under_saturation():
    """One channel is its own mean. Brightness 0.5 and contrast 1.5 about a mean within 1 leave at most 0.5 + 1.5 + 0.5."""
    assert color(images(500, 1).sign(), stream()).abs().max() <= 2.5


@pytest.mark.parametrize("height", [8, 12])
def test_images_need_not_be_square(height):
    assert DiffAugment().transform(torch.zeros(2, 3, height, 20), stream()).shape == (2, 3, height, 20)
