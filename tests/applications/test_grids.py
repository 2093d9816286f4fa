"""The tiles of grids and of our contact sheets."""

import pytest
import torch

from steadygan.applications.grids import ContactSheet, layout
from steadygan.images import contact_sheet, decode, grid, write_png

NAMES = ("T-shirt/top", "7", "cat")


def cut(sheet, tile):
    found = layout(sheet, tile)
    return None if found is None else found.tiles(sheet)


@pytest.mark.parametrize("padding", [0, 1, 2, 4])
@pytest.mark.parametrize("shape", [(1, 12, 10), (3, 8, 8)])
@pytest.mark.parametrize("columns", [3, 4, 12])
def test_a_grid_is_cut_into_what_it_was_made_of(padding, shape, columns):
    images = torch.randint(0, 256, (12, *shape), dtype=torch.uint8)
    sheet = grid(images, columns, padding)
    assert torch.equal(cut(sheet, (shape[2], shape[1])), images)


def test_padding_without_a_border():
    images = torch.randint(0, 256, (6, 1, 8, 8), dtype=torch.uint8)
    assert torch.equal(cut(grid(images, columns=3, padding=2)[:, 2:-2, 2:-2], (8, 8)), images)


def test_empty_places_at_the_end_are_no_images():
    images = torch.randint(0, 256, (10, 3, 8, 8), dtype=torch.uint8)
    assert len(cut(grid(images, columns=4), (8, 8))) == 10
    blank = torch.zeros(4, 3, 8, 8, dtype=torch.uint8)
    assert len(cut(grid(blank, columns=2), (8, 8))) == 4  # a generator may make nothing but black


def test_the_size_alone_does_not_make_a_grid():
    noise = torch.randint(0, 256, (3, 16, 16), dtype=torch.uint8)
    assert layout(noise, (5, 5)) is None  # two tiles and 2 pixels around each would fit
    assert layout(noise, (16, 16)) is None
    assert layout(noise, (8, 8)).rows == 2


def sheet_of(side, channels, n_classes=3, names=NAMES):
    """A contact sheet of noise, and the images on it in its order."""
    images = torch.randint(0, 256, (10 * n_classes, channels, *side), dtype=torch.uint8)
    return contact_sheet(images, torch.arange(n_classes).repeat_interleave(10), names[:n_classes]), images


@pytest.mark.parametrize("side", [(28, 28), (8, 8), (11, 20), (32, 16), (64, 64)], ids=str)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("n_classes", [1, 3])
def test_a_contact_sheet_is_cut_into_what_it_was_made_of(tmp_path, side, channels, n_classes):
    sheet, images = sheet_of(side, channels, n_classes)
    write_png(tmp_path / "1.png", sheet)
    found = layout(decode(tmp_path / "1.png", None, 3), (side[1], side[0]))
    assert isinstance(found, ContactSheet)
    assert (found.rows, found.columns) == (n_classes, 10)
    assert torch.equal(found.tiles(sheet), images.expand(-1, 3, -1, -1))


def test_a_contact_sheet_of_nothing_but_white_is_still_one():
    blank = torch.full((20, 3, 12, 12), 255, dtype=torch.uint8)
    sheet = contact_sheet(blank, torch.arange(20) // 10, NAMES[:2])
    assert torch.equal(layout(sheet, (12, 12)).tiles(sheet), blank)


@pytest.mark.parametrize(
    "change",
    [
        lambda sheet: sheet[:, 1, -20].fill_(254),  # between two tiles
        lambda sheet: sheet[1, 5, 5].fill_(100),  # a caption that is not grey
        lambda sheet: sheet[:, 5, 5].fill_(39),  # or darker than ours
        lambda sheet: sheet[:, :32, :-302].fill_(255),  # a row without a caption
    ],
)
def test_what_only_looks_like_a_contact_sheet_is_none(change):
    sheet, _ = sheet_of((28, 28), 3)
    assert layout(sheet, (28, 28))
    change(sheet)
    assert layout(sheet, (28, 28)) is None


def test_a_contact_sheet_of_another_size_is_none():
    sheet, _ = sheet_of((28, 28), 3)
    for tile in ((27, 28), (28, 27), (14, 14), (32, 32), (29, 28)):
        assert layout(sheet, tile) is None
    assert layout(sheet[:, :-1], (28, 28)) is None
    assert layout(torch.full((3, 6, 200), 255, dtype=torch.uint8), (8, 8)) is None
