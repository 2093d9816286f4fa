"""Decoding of every kind of file, and pictures out."""

import io
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
import torch
from PIL import Image

from steadygan.errors import DataError
from steadygan.images import contact_sheet, decode, fit, from_uint8, grid, header, to_uint8, write_png

WIDTH, HEIGHT = 60, 40


def encoded(image: Image.Image, file_format: str = "PNG", **options) -> bytes:
    out = io.BytesIO()
    image.save(out, file_format, **options)
    return out.getvalue()


@pytest.fixture
def picture() -> Image.Image:
    """A smooth colour picture without symmetry: red grows to the right, green downwards, blue is 100."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return Image.fromarray(np.stack([x * 4, y * 6, 0 * x + 100], axis=-1).astype(np.uint8))


def pixels(image: Image.Image) -> torch.Tensor:
    array = torch.from_numpy(np.array(image, dtype=np.uint8))
    return array[None] if array.ndim == 2 else array.permute(2, 0, 1)


def png_header(width: int, height: int) -> bytes:
    """A PNG that announces a size and holds hardly a pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    start = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + start + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def test_bytes_survive_the_way_to_floats_and_back():
    values = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(from_uint8(values)), values)
    assert from_uint8(values)[[0, 255]].tolist() == [-1, 1]


def test_floats_out_of_range_are_clamped_and_nan_is_zero():
    assert to_uint8(torch.tensor([-3.0, 3.0, float("nan"), float("inf"), float("-inf")])).tolist() == [0, 255, 0, 255, 0]


def test_colour_and_grey_come_in_as_they_are(picture):
    assert torch.equal(decode(encoded(picture)), pixels(picture))
    assert torch.equal(decode(encoded(picture.convert("L"))), pixels(picture.convert("L")))
    assert decode(encoded(picture), channels=1).shape == (1, HEIGHT, WIDTH)


def test_grey_gives_three_equal_channels_and_opaque_alpha(picture):
    image = decode(encoded(picture.convert("L")), channels=4)
    assert torch.equal(image[0], image[1])
    assert torch.equal(image[0], image[2])
    assert image[3].min() == 255


def test_transparent_pixels_show_the_background(picture):
    alpha = Image.new("L", picture.size, 255)
    alpha.paste(0, (0, 0, WIDTH // 2, HEIGHT))
    clear = picture.copy()
    clear.putalpha(alpha)
    image = decode(encoded(clear), background=(1, 2, 3))
    assert image[:, 5, 5].tolist() == [1, 2, 3]
    assert torch.equal(image[:, :, WIDTH // 2 :], pixels(picture)[:, :, WIDTH // 2 :])
    assert decode(encoded(clear))[:, 5, 5].tolist() == [255, 255, 255]
    assert decode(encoded(clear.convert("LA")))[:, 5, 5].tolist() == [255]
    assert decode(encoded(clear), channels=4)[3, 5, 5] == 0


def test_half_transparent_pixels_are_mixed_with_the_background():
    clear = Image.new("RGBA", (4, 4), (200, 100, 0, 128))
    # alpha 128 / 255 of the colour and the rest of the background, rounded: within 1
    found = decode(encoded(clear), background=(0, 0, 100))[:, 0, 0]
    assert (found - torch.tensor([100.4, 50.2, 49.8])).abs().max() <= 1


def test_resizing_with_alpha_does_not_bleed_hidden_colours():
    array = np.zeros((64, 64, 4), dtype=np.uint8)
    array[:, ::2] = (255, 0, 0, 255)  # opaque red beside transparent black
    image = decode(encoded(Image.fromarray(array)), resolution=16, channels=4)
    assert image[0].min() >= 254  # red stays red, half covered
    assert image[1:3].max() == 0


@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
def test_deep_grey_is_scaled_and_not_clipped(dtype):
    levels = np.arange(256).reshape(16, 16)
    kind = "PNG" if dtype is np.uint16 else "TIFF"
    image = decode(encoded(Image.fromarray((levels * 257).astype(dtype)), kind))
    assert torch.equal(image[0], torch.from_numpy(levels).to(torch.uint8))


def test_deep_grey_is_rounded_to_the_nearest_level():
    found = decode(encoded(Image.fromarray(np.array([[0, 128, 129, 65535]], dtype=np.uint16))))
    assert found.flatten().tolist() == [0, 0, 1, 255]


def test_floating_point_grey_is_scaled_from_0_to_1():
    levels = np.array([[0.0, 0.5, 1.0]], dtype=np.float32)
    assert decode(encoded(Image.fromarray(levels), "TIFF")).flatten().tolist() == [0, 128, 255]


@pytest.mark.parametrize("value", [1.5, -0.1, float("nan")])
def test_floating_point_grey_of_unknown_range_is_refused(value):
    with pytest.raises(DataError, match="outside 0 to 1"):
        decode(encoded(Image.fromarray(np.array([[0.0, value]], dtype=np.float32)), "TIFF"))


def test_palette_gives_its_colours_and_its_transparency(picture):
    palette = picture.quantize(32)
    assert torch.equal(decode(encoded(palette)), pixels(palette.convert("RGB")))
    clear = Image.new("P", (2, 1))
    clear.putpalette([255, 0, 0, 0, 255, 0])
    clear.putdata([0, 1])
    for file_format in ("PNG", "GIF"):
        image = decode(encoded(clear, file_format, transparency=1), background=(9, 9, 9))
        assert image[:, 0].T.tolist() == [[255, 0, 0], [9, 9, 9]]


def test_single_transparent_colour_is_understood(picture):
    grey = Image.fromarray(np.array([[10, 20]], dtype=np.uint8))
    assert decode(encoded(grey, transparency=20)).flatten().tolist() == [10, 255]


def test_one_bit_images_are_black_and_white():
    image = Image.fromarray(np.array([[True, False], [False, True]]))
    assert image.mode == "1"
    assert decode(encoded(image)).flatten().tolist() == [255, 0, 0, 255]


def test_cmyk_has_its_own_colours_back(picture):
    # without black, CMYK is 255 - RGB exactly
    assert torch.equal(decode(encoded(picture.convert("CMYK"), "TIFF")), pixels(picture))
    # JPEG at quality 95 quantizes; a wrong inversion would be off by 100 and more
    difference = decode(encoded(picture.convert("CMYK"), "JPEG", quality=95)).float() - pixels(picture).float()
    assert difference.abs().mean() < 3
    assert decode(encoded(picture.convert("CMYK"), "TIFF"), channels=1).shape == (1, HEIGHT, WIDTH)


@pytest.mark.parametrize(
    ("tag", "turn"), [(6, Image.Transpose.ROTATE_90), (3, Image.Transpose.ROTATE_180), (8, Image.Transpose.ROTATE_270)]
)
def test_exif_rotation_is_applied(picture, tag, turn):
    exif = Image.Exif()
    exif[0x0112] = tag
    file = encoded(picture.transpose(turn), exif=exif)
    assert torch.equal(decode(file), pixels(picture))
    assert header(file)[0] == (WIDTH, HEIGHT)


def test_the_centre_square_is_taken():
    wide = np.zeros((10, 30), dtype=np.uint8)
    wide[:, 10:20] = 255
    assert decode(encoded(Image.fromarray(wide)), resolution=10).min() == 255


def test_reduction_does_not_alias():
    """Stripes finer than the new pixels become their mean; picking pixels would give 0 or 255."""
    stripes = np.zeros((128, 128), dtype=np.uint8)
    stripes[:, ::2] = 255
    image = decode(encoded(Image.fromarray(stripes)), resolution=16)
    assert (image[:, :, 2:-2].float() - 127.5).abs().max() <= 2  # rounding, and the ripple of a truncated filter


def test_large_jpegs_are_reduced_while_decoding_with_the_same_result(picture):
    large = encoded(picture.resize((1200, 800), Image.Resampling.BICUBIC), "JPEG", quality=95)
    direct = fit(Image.open(io.BytesIO(large)), resolution=32)
    # one level for each of the two roundings
    assert (decode(large, resolution=32).int() - direct.int()).abs().max() <= 2


def test_large_jpegs_are_not_decoded_in_full():
    """Fine noise tells the two ways apart: reduction in the decoder averages 8 x 8 blocks before any filter sees them."""
    noise = encoded(Image.effect_noise((800, 800), 100), "JPEG", quality=95)
    assert not torch.equal(decode(noise, resolution=32), fit(Image.open(io.BytesIO(noise)), resolution=32))


def test_one_pixel_and_one_line_become_whole_images():
    assert decode(encoded(Image.new("RGB", (1, 1), (7, 8, 9))), resolution=32)[:, 31, 31].tolist() == [7, 8, 9]
    assert decode(encoded(Image.new("L", (500, 1), 50)), resolution=8).shape == (1, 8, 8)


@pytest.mark.parametrize("kind", ["path", "string", "bytes", "file"])
def test_files_come_in_four_ways(picture, tmp_path, kind):
    path, content = tmp_path / "a.png", encoded(picture)
    path.write_bytes(content)
    file = {"path": path, "string": str(path), "bytes": content, "file": io.BytesIO(content)}[kind]
    assert torch.equal(decode(file), pixels(picture))


@pytest.mark.parametrize("resolution", [None, 8])
def test_truncated_files_are_told(picture, resolution):
    for file_format in ("JPEG", "PNG", "GIF", "BMP", "WEBP"):
        content = encoded(picture, file_format)
        with pytest.raises(DataError):
            decode(content[: len(content) * 2 // 3], resolution)


def test_damage_anywhere_gives_an_image_or_a_reason_and_nothing_else(picture):
    """Random bytes in every format: Pillow raises many things, `decode` one."""
    random = np.random.default_rng(0)
    for file_format in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "ICO", "PPM", "TGA"):
        content = encoded(picture, file_format)
        for _ in range(30):
            damaged = bytearray(content)
            for place in random.integers(0, min(len(content), 300), 4):
                damaged[place] = random.integers(0, 256)
            # warnings are errors here; a user sees the warning and gets the image
            with suppress(DataError, Warning):
                assert decode(bytes(damaged), 8, 3).shape == (3, 8, 8)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file of 0 bytes"),
        (b"dear diary", "not an image"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1", "HEIC, which is not read here"),
        (png_header(40_000, 40_000), "possible decompression bomb"),
    ],
)
def test_what_is_no_image_is_told_why(content, reason, tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(content)
    for file in (content, path, io.BytesIO(content)):
        for read in (decode, header):
            with pytest.raises(DataError, match=reason):
                read(file)


def test_a_missing_file_and_a_folder_are_told(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        decode(tmp_path / "none.png")
    with pytest.raises(DataError, match="is a directory"):
        decode(tmp_path)


def test_the_grid_has_each_image_at_its_place():
    images = torch.arange(1, 6, dtype=torch.uint8).view(5, 1, 1, 1).expand(5, 3, 4, 6)
    sheet = grid(images, columns=3, padding=1, fill=99)
    assert sheet.shape == (3, 2 * 5 + 1, 3 * 7 + 1)
    for index in range(5):
        row, column = divmod(index, 3)
        tile = sheet[:, row * 5 + 1 : row * 5 + 5, column * 7 + 1 : column * 7 + 7]
        assert torch.equal(tile, images[index])
        sheet[:, row * 5 + 1 : row * 5 + 5, column * 7 + 1 : column * 7 + 7] = 99
    assert sheet.unique().tolist() == [99]


def test_the_grid_is_square_by_itself_and_never_wider_than_its_images():
    assert grid(torch.zeros(9, 1, 4, 4, dtype=torch.uint8), padding=0).shape == (1, 12, 12)
    assert grid(torch.zeros(2, 1, 4, 4, dtype=torch.uint8), columns=10, padding=0).shape == (1, 4, 8)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png_keeps_every_byte(tmp_path, channels):
    image = torch.randint(0, 256, (channels, 5, 7), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    write_png(tmp_path / "a.png", image)
    assert torch.equal(decode(tmp_path / "a.png", channels=channels), image)


def test_the_contact_sheet_has_a_row_a_class():
    images = torch.tensor([10, 20, 30, 40], dtype=torch.uint8).view(4, 1, 1, 1).expand(4, 1, 20, 20)
    sheet = contact_sheet(images, torch.tensor([0, 1, 0, 0]), ("cat", "dog", "none"), columns=2, padding=2)
    assert sheet.shape[:2] == (3, 3 * 24)
    right = sheet[:, :, -44:]
    assert right[:, 12, [5, 30]].T.tolist() == [[10] * 3, [30] * 3]
    assert right[:, 24 + 12, [5, 30]].T.tolist() == [[20] * 3, [255] * 3]
    assert right[:, 48:].min() == 255
    assert sheet[:, :24, :-44].min() < 100  # the name is written at the left
