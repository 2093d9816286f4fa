"""Grids: how the tiles of a picture lie, told from the picture and the size of a tile."""

from dataclasses import dataclass

import torch
from torch import Tensor

PADDINGS = (2, 1, 3, 4, 0)  # pixels between the tiles of a grid, the likeliest first
INK = 40  # the grey level of a caption on a contact sheet, the darkest there is beside its tiles
MARGIN = 8  # pixels of it that are beside the longest caption

Size = tuple[int, int]  # width, height


@dataclass(frozen=True)
class Layout:
    """How the tiles of a grid lie.

    Attributes:
        tile: width and height of one.
        columns, rows: of tiles.
        padding: pixels between them.
        border: pixels around them.
    """

    tile: Size
    columns: int
    rows: int
    padding: int
    border: int

    def tiles(self, image: Tensor) -> Tensor:
        """The tiles of a grid, without the empty ones at its end: uint8 [C, H, W] -> [N, C, h, w]."""
        inner = image[:, self.border : image.shape[1] - self.border, self.border : image.shape[2] - self.border]
        width, height = self.tile
        down = inner.unfold(1, height, height + self.padding).unfold(2, width, width + self.padding)
        tiles = down.permute(1, 2, 0, 3, 4).flatten(0, 1).contiguous()
        flat = tiles.flatten(2)
        filled = (flat.amax(2) > flat.amin(2)).any(1).nonzero()
        return tiles[: int(filled[-1]) + 1] if len(filled) else tiles

    def fits(self, image: Tensor) -> bool:
        """Whether nothing but one colour lies between the tiles of a grid: uint8 [C, H, W]."""
        width, height = self.tile
        down, across = (
            (torch.arange(whole) - self.border) % (one + self.padding) >= one
            for whole, one in ((image.shape[1], height), (image.shape[2], width))
        )
        for lines, whole in ((down, image.shape[1]), (across, image.shape[2])):
            lines[: self.border], lines[whole - self.border :] = self.border > 0, self.border > 0
        between = torch.cat([image[:, down].flatten(1), image[:, :, across].flatten(1)], 1)
        return not between.numel() or bool((between.amax(1) == between.amin(1)).all())


@dataclass(frozen=True)
class ContactSheet:
    """How tiles lie in a picture of `images.contact_sheet`, as runs with classes draw them: a row a class, named at the left.

    Attributes:
        tile: width and height of one.
        rows: one a class.
        columns: of tiles.
        padding: white pixels around each tile; between two rows there are twice as many.
        least: height of a row at least, for its caption.
    """

    tile: Size
    rows: int
    columns: int = 10
    padding: int = 2
    least: int = 16

    @property
    def row(self) -> int:
        """Height of a row."""
        return max(self.tile[1] + 2 * self.padding, self.least)

    @property
    def width(self) -> int:
        """Of all columns, without the captions."""
        return self.columns * (self.tile[0] + self.padding) + self.padding

    def strips(self, image: Tensor) -> Tensor:
        """The rows with their captions, which is a view: uint8 [C, H, W] -> [C, rows, H / rows, W]."""
        return image.view(len(image), self.rows, self.row, -1)

    def places(self, image: Tensor) -> Tensor:
        """The tiles where they lie, which is a view: uint8 [C, H, W] -> [C, rows, columns, h, w]."""
        width, height = self.tile
        top, left = (self.row - height) // 2, image.shape[2] - self.width + self.padding
        strips = self.strips(image)[:, :, top : top + height, left:]
        return strips.unfold(3, width, width + self.padding).permute(0, 1, 3, 2, 4)

    def tiles(self, image: Tensor) -> Tensor:
        """All tiles, class by class: uint8 [C, H, W] -> [N, C, h, w]."""
        return self.places(image).permute(1, 2, 0, 3, 4).flatten(0, 1).contiguous()

    def fits(self, image: Tensor) -> bool:
        """Whether all beside the tiles is white but for something written in grey before each row: uint8 [3, H, W]."""
        rest = image.clone()
        self.places(rest).fill_(255)
        captions, right = self.strips(rest)[..., : -self.width], rest[:, :, -self.width :]
        darkest = captions.amin((0, 2, 3))
        written = bool(((darkest >= INK) & (darkest < 255)).all() and (captions == captions[:1]).all())
        return written and int(right.amin()) == 255

    @classmethod
    def of(cls, image: Tensor, tile: Size) -> "ContactSheet | None":
        """The one that a picture is, or None: uint8 [3, H, W]."""
        sheet = cls(tile, rows=max(1, image.shape[1] // cls(tile, 1).row))
        whole = image.shape[1] == sheet.rows * sheet.row and image.shape[2] > sheet.width + MARGIN
        return sheet if whole and sheet.fits(image) else None


def layout(image: Tensor, tile: Size) -> Layout | ContactSheet | None:
    """The layout of such tiles in a grid or one of our contact sheets, None for an image that is neither: uint8 [3, H, W].

    >>> found = layout(torch.zeros(3, 138, 274, dtype=torch.uint8), (32, 32))
    >>> found.columns, found.rows, found.padding
    (8, 4, 2)
    """
    size = image.shape[2], image.shape[1]
    for padding in PADDINGS:
        for border in {padding, 0}:
            counts = [divmod(whole - 2 * border + padding, one + padding) for whole, one in zip(size, tile, strict=True)]
            found = Layout(tile, counts[0][0], counts[1][0], padding, border)
            whole = all(count > 0 and not rest for count, rest in counts) and found.columns * found.rows > 1
            if whole and found.fits(image):
                return found
    return ContactSheet.of(image, tile)
