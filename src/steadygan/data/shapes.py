"""Coloured shapes, drawn and not stored: a labelled RGB set that needs no file."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import torch
from pydantic import PositiveInt
from torch import Tensor

from steadygan.data.decoding import fit_all
from steadygan.data.in_memory import InMemory
from steadygan.data.memory import allocate
from steadygan.data.source import Dataset, Progress

RESOLUTION = 32
CHUNK = 1 << 19  # pixels drawn at once


class Shapes(InMemory):
    """One shape an image, in a random place, size, turn and colour on a pale ground; the class is the shape.

    Drawn with antialiased edges at whatever resolution is asked for; the same seed gives the same scenes at every resolution.
    """

    name: Literal["shapes"] = "shapes"
    count: PositiveInt = 10_000
    seed: int = 0

    def load(self, progress: Progress | None = None) -> Dataset:
        """The images at 32x32: uint8 [N, 3, 32, 32], with labels."""
        return self._drawn(RESOLUTION, progress)

    def open(self, resolution: int | None = None, channels: int | None = None, *, progress: Progress | None = None) -> Dataset:
        """The images drawn at `resolution`, nothing being resized: uint8 [N, C, R, R]."""
        data = self._drawn(resolution or RESOLUTION, progress)
        return replace(data, examples=fit_all(data.examples, None, channels, progress))

    def _drawn(self, resolution: int, progress: Progress | None) -> Dataset:
        """All scenes of this seed at `resolution`."""
        scenes = _scenes(self.count, torch.Generator().manual_seed(self.seed))
        images = allocate((self.count, 3, resolution, resolution))
        chunk = max(1, CHUNK // resolution**2)
        for start in range(0, self.count, chunk):
            part = slice(start, min(start + chunk, self.count))
            images[part] = _draw(scenes, part, resolution)
            if progress:
                progress(part.stop, self.count)
        return Dataset("shapes", images, scenes.shape, tuple(OUTLINES))


@dataclass(frozen=True)
class _Scenes:
    """What is to be seen on each of N images; lengths are in half image sides.

    Attributes:
        shape: [N] int64, index into OUTLINES.
        place: [N, 2] of the centre, in [-1, 1].
        size: [N] half the extent of the shape.
        turn: [N] in radians.
        paint, ground: [N, 3] RGB in [0, 1].
    """

    shape: Tensor
    place: Tensor
    size: Tensor
    turn: Tensor
    paint: Tensor
    ground: Tensor


def _scenes(count: int, random: torch.Generator) -> _Scenes:
    """`count` scenes at random; the shape stays inside the image."""

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=random)

    size = uniform(0.4, 0.65)
    return _Scenes(
        shape=torch.randint(len(OUTLINES), (count,), generator=random),
        place=uniform(-1, 1, 2) * (0.95 - size)[:, None],
        size=size,
        turn=uniform(0, 2 * math.pi),
        paint=_rgb(uniform(0, 6), uniform(0.7, 1.0), uniform(0.5, 0.9)),
        ground=_rgb(uniform(0, 6), uniform(0.0, 0.15), uniform(0.88, 1.0)),
    )


def _draw(scenes: _Scenes, part: slice, resolution: int) -> Tensor:
    """The images of some scenes: -> uint8 [n, 3, R, R]."""
    line = (torch.arange(resolution) + 0.5) * (2 / resolution) - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    size, place = scenes.size[part, None, None], scenes.place[part, :, None, None]
    x, y = (x - place[:, 0]) / size, (y - place[:, 1]) / size
    cos, sin = scenes.turn[part, None, None].cos(), scenes.turn[part, None, None].sin()
    x, y = cos * x + sin * y, cos * y - sin * x
    distance = torch.empty_like(x)
    for index, outline in enumerate(OUTLINES.values()):
        chosen = scenes.shape[part] == index
        distance[chosen] = outline(x[chosen], y[chosen])
    # The share of a pixel that is covered, taking its edge as straight: half where the outline runs through its middle.
    cover = (0.5 - distance * size * resolution / 2).clamp(0, 1)[:, None]
    paint, ground = scenes.paint[part, :, None, None], scenes.ground[part, :, None, None]
    return (255 * (cover * paint + (1 - cover) * ground)).round().to(torch.uint8)


def _rgb(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """HSV to RGB, hue in [0, 6]: [N], [N], [N] -> [N, 3] in [0, 1]."""
    k = (torch.tensor([5.0, 3.0, 1.0]) + hue[:, None]) % 6
    return value[:, None] * (1 - saturation[:, None] * torch.minimum(k, 4 - k).clamp(0, 1))


def _circle(x: Tensor, y: Tensor) -> Tensor:
    return torch.hypot(x, y) - 0.9


def _square(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(x.abs(), y.abs()) - 0.75


def _triangle(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(x.abs() * math.cos(math.pi / 6) + y / 2, -y) - 0.5


def _star(x: Tensor, y: Tensor) -> Tensor:
    """Five points of radius 1 and five notches of radius 0.45: the plane is folded onto one half point."""
    sector = torch.atan2(x, y).abs() % (2 * math.pi / 5)
    angle = torch.minimum(sector, 2 * math.pi / 5 - sector)
    radius, notch = torch.hypot(x, y), (0.45 * math.cos(math.pi / 5), 0.45 * math.sin(math.pi / 5))
    along, across = radius * angle.cos(), radius * angle.sin()
    edge = (notch[0] - 1, notch[1])
    return ((along - 1) * edge[1] - across * edge[0]) / math.hypot(*edge)


def _ring(x: Tensor, y: Tensor) -> Tensor:
    return (torch.hypot(x, y) - 0.7).abs() - 0.22


def _cross(x: Tensor, y: Tensor) -> Tensor:
    bar, post = torch.maximum(x.abs() - 0.9, y.abs() - 0.3), torch.maximum(x.abs() - 0.3, y.abs() - 0.9)
    return torch.minimum(bar, post)


# Signed distance to the outline, negative inside, of a shape about as large as the unit circle: x, y -> [n, R, R] each.
OUTLINES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "ring": _ring,
    "cross": _cross,
}
