"""PNG files as data URIs: small ones byte for byte, large ones as WebP, so that a page stays a page."""

import base64
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

LARGEST_FILE = 150_000  # bytes; above it a picture is drawn again
WIDEST = 1024  # pixels, where it is drawn again


@dataclass(frozen=True)
class Picture:
    """A picture that stands inside the page.

    Attributes:
        step: when it was drawn; 0 for one that belongs to no step.
        uri: `data:image/...;base64,...`.
        width, height: in pixels, so that the page does not jump while it loads.
    """

    step: int
    uri: str
    width: int
    height: int


def embedded(path: Path, step: int = 0) -> Picture | None:
    """The picture in `path`; None where it is missing or damaged."""
    try:
        data = path.read_bytes()
        with Image.open(BytesIO(data)) as image:
            image.load()
            if len(data) > LARGEST_FILE:
                return redrawn(image, step)
            return Picture(step, data_uri(data, "png"), *image.size)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def redrawn(image: Image.Image, step: int) -> Picture:
    """A smaller picture of the same: at most `WIDEST` pixels wide, lossy."""
    image = image if image.mode in ("RGB", "RGBA") else image.convert("RGB")
    image.thumbnail((WIDEST, 4 * WIDEST), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    image.save(buffer, "WEBP", quality=82)
    return Picture(step, data_uri(buffer.getvalue(), "webp"), *image.size)


def data_uri(data: bytes, kind: str) -> str:
    """`data` as a data URI of the image type `kind`."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
