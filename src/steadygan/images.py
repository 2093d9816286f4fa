"""Images in and out: decoding of any file, PNG, grids, contact sheets. Pillow and torch only."""

import math
import struct
import zlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import IO

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError
from torch import Tensor

from steadygan.errors import DataError

File = Path | str | IO[bytes] | bytes
WHITE = (255, 255, 255)

_GREY = ("1", "L", "LA", "La", "I", "F", "I;16", "I;16L", "I;16B", "I;16N")
_PIL_MODE = {1: "L", 3: "RGB", 4: "RGBA"}
_ORIENTATION = 0x0112  # the EXIF tag; 5 to 8 swap width and height
# Everything Pillow is known to raise on a damaged file, besides its own UnidentifiedImageError (an OSError).
_DAMAGED = (
    *(Image.DecompressionBombError, OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError),
    *(OverflowError, struct.error, zlib.error),
)


def to_uint8(images: Tensor) -> Tensor:
    """Images in [-1, 1] as bytes, rounded and clamped; NaN becomes 0: float [...] -> uint8 [...].

    >>> to_uint8(torch.tensor([-1.0, 0.0, 1.0, 7.0])).tolist()
    [0, 128, 255, 255]
    """
    return ((images.float() + 1) * 127.5).round().nan_to_num(0).clamp(0, 255).to(torch.uint8)


def from_uint8(images: Tensor) -> Tensor:
    """Bytes as images in [-1, 1], `x / 127.5 - 1`; `to_uint8` undoes it exactly: uint8 [...] -> float32 [...]."""
    return images.to(torch.float32) / 127.5 - 1


def grid(images: Tensor, columns: int | None = None, padding: int = 2, fill: int = 255) -> Tensor:
    """Images side by side, row by row, with `padding` pixels of `fill` around each: uint8 [N, C, H, W] -> uint8 [C, H', W'].

    Args:
        images: uint8 [N, C, H, W], N at least 1.
        columns: images in a row; None makes the grid as square as it can be.
        padding: pixels between images and at the border.
        fill: the grey level of the padding and of empty places, 0 to 255.

    >>> grid(torch.zeros(5, 1, 8, 8, dtype=torch.uint8), columns=3).shape
    torch.Size([1, 22, 32])
    """
    count, channels, height, width = images.shape
    columns = min(count, columns or math.ceil(math.sqrt(count)))
    rows = math.ceil(count / columns)
    sheet = torch.full((rows * columns, channels, height + padding, width + padding), fill, dtype=torch.uint8)
    sheet[:count, :, padding:, padding:] = images.cpu()
    tiles = sheet.view(rows, columns, channels, height + padding, width + padding)
    whole = tiles.permute(2, 0, 3, 1, 4).reshape(channels, rows * (height + padding), columns * (width + padding))
    return torch.nn.functional.pad(whole, (0, padding, 0, padding), value=fill)


def contact_sheet(images: Tensor, labels: Tensor, names: Sequence[str], columns: int = 10, padding: int = 2) -> Tensor:
    """One row a class, its name at the left, the first `columns` images of that class: -> uint8 RGB [3, H', W'].

    Args:
        images: uint8 [N, C, H, W].
        labels: [N] int64, indices into `names`.
        names: the class names; a class without images gives an empty row.
        columns: images in a row.
        padding: pixels between images.
    """
    font = ImageFont.load_default(12)
    margin = 8 + max(math.ceil(font.getlength(name)) for name in names)
    rows = [_class_row(images[labels == index][:columns], images.shape[1:], columns, padding) for index in range(len(names))]
    strips = [_captioned(row, name, margin, font) for row, name in zip(rows, names, strict=True)]
    return torch.cat(strips, dim=1)


def _class_row(images: Tensor, shape: Sequence[int], columns: int, padding: int) -> Tensor:
    """One row of a contact sheet, in RGB, filled up with white: uint8 [n <= columns, C, H, W] -> [3, H', W']."""
    channels, height, width = shape
    full = torch.full((columns, channels, height, width), 255, dtype=torch.uint8)
    full[: len(images)] = images
    row = grid(full, columns, padding)
    return row.expand(3, -1, -1) if channels == 1 else row[:3]


def _captioned(row: Tensor, name: str, margin: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> Tensor:
    """`row` [3, H, W] with its name in a white margin at the left: -> [3, max(H, 16), margin + W]."""
    height = max(row.shape[1], 16)
    canvas = Image.new("RGB", (margin + row.shape[2], height), WHITE)
    canvas.paste(as_pillow(row), (margin, (height - row.shape[1]) // 2))
    ImageDraw.Draw(canvas).text((4, height // 2), name, fill=(40, 40, 40), font=font, anchor="lm")
    return as_tensor(canvas)


def write_png(path: Path | str | IO[bytes], image: Tensor) -> None:
    """Writes one image as PNG: uint8 [C, H, W] with C of 1, 3 or 4."""
    as_pillow(image).save(path, format="PNG")


def as_pillow(image: Tensor) -> Image.Image:
    """The same pixels as a Pillow image: uint8 [C, H, W] with C of 1, 3 or 4 -> mode L, RGB or RGBA."""
    array = image.detach().cpu().permute(1, 2, 0).contiguous().numpy()
    return Image.fromarray(array[..., 0] if array.shape[2] == 1 else array)


def as_tensor(image: Image.Image) -> Tensor:
    """The same pixels as a tensor: mode L, RGB or RGBA -> uint8 [C, H, W]."""
    array = np.array(image, dtype=np.uint8)
    return torch.from_numpy(array[None] if array.ndim == 2 else np.ascontiguousarray(array.transpose(2, 0, 1)))


def decode(
    file: File, resolution: int | None = None, channels: int | None = None, background: tuple[int, int, int] = WHITE
) -> Tensor:
    """One image of any size and mode as uint8 [C, H, W].

    EXIF rotation is applied; 16-bit grey is divided by 257, never clipped; of an animation the first frame is taken. Where no
    alpha channel is asked for, transparent pixels are laid onto `background`. The centre square is cut out and resized with
    Pillow's Lanczos filter, which widens with the reduction and so does not alias (Parmar et al. 2022, arXiv:2104.11222). A
    JPEG more than three times too large is first reduced by 2, 4 or 8 as it is decoded.

    Args:
        file: a path, an open binary file or the bytes themselves.
        resolution: side of the square that comes out; None keeps width and height.
        channels: 1 grey, 3 RGB, 4 RGBA; None gives 1 for grey files and 3 for all others.
        background: RGB, 0 to 255.

    Raises:
        DataError: the file is no image, is damaged or is refused; the message is the reason alone, without the name.
    """
    with opened(file) as image:
        try:
            if resolution:
                image.draft(None, (3 * resolution, 3 * resolution))
            image.load()
            return fit(ImageOps.exif_transpose(image), resolution, channels, background)
        except _DAMAGED as error:
            raise DataError(_reason(error)) from None


def header(file: File) -> tuple[tuple[int, int], str]:
    """((width, height) as shown, Pillow mode) from the header alone; nothing is decoded. Raises DataError as `decode`."""
    with opened(file) as image:
        try:
            # Asking a PNG for EXIF it does not name in its header would decode the whole image.
            named = "exif" in image.info or image.format == "TIFF"
            turned = named and image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
        except _DAMAGED as error:
            raise DataError(_reason(error)) from None
        return (image.size[::-1] if turned else image.size), image.mode


def is_grey(mode: str) -> bool:
    """Whether a Pillow mode holds no colour; such a file comes out of `decode` with one channel unless more are asked for."""
    return mode in _GREY


def opened(file: File) -> Image.Image:
    """The image behind `file` with its header read, the rest still to be decoded. Raises DataError with the reason alone."""
    try:
        return Image.open(BytesIO(file) if isinstance(file, bytes) else file)
    except UnidentifiedImageError:
        raise DataError(_what_it_is(file)) from None
    except _DAMAGED as error:
        raise DataError(_reason(error)) from None


def fit(
    image: Image.Image, resolution: int | None = None, channels: int | None = None, background: tuple[int, int, int] = WHITE
) -> Tensor:
    """A decoded Pillow image brought to size and channels, as `decode` describes: -> uint8 [C, H, W]."""
    channels = channels or (1 if is_grey(image.mode) else 3)
    image = _eight_bit(image)
    if channels == 4:
        image = image.convert("RGBA")
    elif image.has_transparency_data:
        image = _composited(image.convert("RGBA"), background)
    image = image.convert(_PIL_MODE[channels])
    return as_tensor(_squared(image, resolution) if resolution else image)


def _squared(image: Image.Image, resolution: int) -> Image.Image:
    """The centre square of `image`, resized with Lanczos; with alpha, Pillow weights colours by it."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    if (image.width, image.height) == (resolution, resolution):
        return image
    return image.resize((resolution, resolution), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side))


def _composited(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    """An RGBA image laid onto a plain colour: -> RGBA without transparency."""
    return Image.alpha_composite(Image.new("RGBA", image.size, (*background, 255)), image)


def _eight_bit(image: Image.Image) -> Image.Image:
    """Deep and floating-point grey scaled to mode L, which Pillow's own convert would clip; other colour spaces to RGB."""
    if image.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        return image.convert("RGB")
    if image.mode.startswith("I"):
        values = np.asarray(image)
        if values.min(initial=0) < 0 or values.max(initial=0) > 65535:
            raise DataError("integer pixels outside 0 to 65535, whose range is unknown")
        return Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8))
    if image.mode == "F":
        levels = np.asarray(image)
        if not (levels.min(initial=0) >= 0 and levels.max(initial=0) <= 1):  # also true for NaN
            raise DataError("floating-point pixels outside 0 to 1, whose range is unknown")
        return Image.fromarray(np.rint(levels * 255).astype(np.uint8))
    return image


def _reason(error: Exception) -> str:
    """Why a file cannot be read, in a few words."""
    if isinstance(error, Image.DecompressionBombError):
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 1_000_000
        return f"more than {limit} million pixels, refused as a possible decompression bomb"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror.lower()}"
    return "truncated" if "truncated" in str(error).lower() else f"damaged: {error or type(error).__name__}"


def _what_it_is(file: File) -> str:
    """Why Pillow does not know a file, from its first bytes."""
    start = _first_bytes(file, 12)
    if not start:
        return "empty file of 0 bytes"
    if start[4:8] == b"ftyp" and start[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1"):
        return "HEIC, which is not read here: convert it to JPEG or PNG"
    return "not an image"


def _first_bytes(file: File, count: int) -> bytes:
    """The first bytes of any kind of `File`."""
    if isinstance(file, bytes):
        return file[:count]
    if isinstance(file, (str, Path)):
        with open(file, "rb") as opened_file:
            return opened_file.read(count)
    file.seek(0)
    return file.read(count)
