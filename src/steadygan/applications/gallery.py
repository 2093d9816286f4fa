"""Gallery: images sampled through time, held against real ones, as a history that can be judged."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from steadygan.applications.grids import ContactSheet, Layout, Size, layout
from steadygan.applications.pictures import Pictures, one, pictures, read, time_points
from steadygan.errors import DataError
from steadygan.game import Batch, Networks
from steadygan.history import History
from steadygan.images import from_uint8
from steadygan.measuring import N_REFERENCE, drawn
from steadygan.monitoring import Cells, Diversity

FEWEST, MOST = 16, 256  # images of a step: of fewer the spread is mostly noise, more say little more

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Gallery:
    """What was measured of images through time.

    Attributes:
        history: diversity, cells and reach of the fakes, by step.
        notes: one sentence for each thing that a reader should know.
    """

    history: History
    notes: list[str]


@dataclass(frozen=True)
class Cut:
    """How samples are brought to one size.

    Attributes:
        size: of one image.
        channels: 1 or 3.
        grids: how the tiles lie in files of each size; empty where each file is one image.
    """

    size: Size
    channels: int
    grids: Mapping[Size, Layout | ContactSheet] = field(default_factory=dict)


def gallery(samples: Path, reals: Path, tile: int | None = None, progress: Progress | None = None) -> Gallery:
    """The history of images through time: a grid a step, or a folder or a group of images a step.

    Args:
        samples: a folder; the numbers in the names of its files or folders are the steps.
        reals: a folder of real images.
        tile: side of one image in a grid, in pixels; None takes the size of the real images.
        progress: called with (steps done, steps in all).

    Raises:
        DataError: a folder has no images, sizes do not fit, or there are too few images to measure anything.
    """
    fake, real = pictures(samples), pictures(reals)
    points = time_points(fake.files)
    cut = cut_of(fake, real, tile, points)
    n, notes = count_of(fake, real, cut, points), [*fake.notes, *real.notes]
    if cut.size != real.size:
        notes.append(f"The real images are cut to squares and resized to {cut.size[0]}x{cut.size[1]}.")
    measure, history = Measure(references(real, cut), n), History()
    for done, (step, names) in enumerate(points.items(), 1):
        images = examples(fake, names, cut)
        if len(images) >= n:
            history.append({"step": step, **measure(images[:n])})
        if progress:
            progress(done, len(points))
    whole = "tiles" if cut.grids else "images"
    notes.append(
        f"{len(history)} steps of {n} {whole} of {cut.size[0]}x{cut.size[1]}, against {len(real.files):,} real images."
    )
    if rows := max((grid.rows for grid in cut.grids.values() if isinstance(grid, ContactSheet)), default=0):
        notes.append(
            f"The sheets show {rows} classes in equal shares: real images of others, or in other shares, count as lost."
        )
    if len(history) < len(points):
        notes.append(f"{len(points) - len(history)} steps with fewer images are left out.")
    return Gallery(history, notes)


class Measure:
    """Measures fakes against the same reals each time.

    Args:
        reference: [N, C, H, W] real images in [-1, 1].
        n: fakes of each step.
    """

    def __init__(self, reference: Tensor, n: int) -> None:
        self.reference, self.real, self.n = reference, reference[drawn(len(reference), n)], n
        self.memory: dict[str, Any] = {}
        self.nobody = Networks(nn.Identity(), nn.Identity())  # these probes read images only

    @torch.no_grad()
    def __call__(self, fake: Tensor) -> dict[str, float]:
        """The readings of fakes [n, C, H, W]."""
        batch = Batch(self.real, fake, None, None, 0, torch.Generator(), reference=self.reference, memory=self.memory)
        return Diversity(n=self.n).measure(self.nobody, batch) | Cells(n=self.n).of(fake, batch)


def cut_of(fake: Pictures, real: Pictures, tile: int | None, points: Mapping[int, list[str]]) -> Cut:
    """How the samples are brought to one size: tiles of `tile`, or of the real images' size, or whole images of their own.

    Raises:
        DataError: no size fits.
    """
    channels = 1 if fake.grey and real.grey else 3
    sizes = set(fake.sizes.values())
    size = (tile, tile) if tile else real.size
    if size and sizes == {size}:
        return Cut(size, channels)
    grids = {found: layout(read(fake.files[name], None, 3), size) for name, found in fake.one_of_each()} if size else {}
    known = {found: grid for found, grid in grids.items() if grid}
    if size and len(known) == len(sizes):
        return Cut(size, channels, known)
    if tile:
        name, (width, height) = next((name, found) for name, found in fake.one_of_each() if found not in known)
        raise DataError(f"{fake.folder}/{name}: {width}x{height} is no grid of {tile}x{tile}", "give another --tile")
    if min(map(len, points.values())) < FEWEST:
        which = (
            f"grids of {size[0]}x{size[1]}, the size of the real images"
            if size
            else "known grids, as the real images differ in size"
        )
        hint = "give the side of a tile in pixels, as in --tile 64"
        raise DataError(f"{fake.folder}: its images are no {which} ({fake.differing()})", hint)
    if len(sizes) == 1:
        return Cut(sizes.pop(), channels)
    side = min(min(found) for found in sizes)
    fake.notes.append(f"The samples differ in size ({fake.differing()}): they are cut to squares and resized to {side}x{side}.")
    return Cut((side, side), channels)


def count_of(fake: Pictures, real: Pictures, cut: Cut, points: Mapping[int, list[str]]) -> int:
    """How many images of each step are looked at: as many as most steps have.

    Raises:
        DataError: they are too few.
    """
    counts = {step: sum(places_in(fake.sizes[name], cut) for name in names) for step, names in points.items()}
    usual = Counter(counts.values()).most_common(1)[0][0]
    first = next(step for step, count in counts.items() if count == usual)
    n = min(MOST, len(examples(fake, points[first], cut)), len(real.files))  # a grid may have empty places
    if n < FEWEST:
        hint = f"at least {FEWEST} of each are needed to say how alike they are; grids are cut with --tile"
        raise DataError(f"{fake.folder}: {n} images of a step can be held against {len(real.files)} real ones", hint)
    return n


def places_in(size: Size, cut: Cut) -> int:
    """Places for images in a file of a size."""
    return cut.grids[size].columns * cut.grids[size].rows if cut.grids else 1


def references(real: Pictures, cut: Cut) -> Tensor:
    """Real images to hold samples against, always the same: -> [N, C, h, w] in [-1, 1]."""
    names = list(real.files)
    chosen = [names[index] for index in drawn(len(names), N_REFERENCE).tolist()]
    return torch.stack([one(real.files[name], real.sizes[name], cut.size, cut.channels) for name in chosen])


def examples(fake: Pictures, names: list[str], cut: Cut) -> Tensor:
    """The images of one step: -> [N, C, h, w] in [-1, 1]."""
    if not cut.grids:
        return torch.stack([one(fake.files[name], fake.sizes[name], cut.size, cut.channels) for name in names[:MOST]])
    sheets = [(cut.grids[fake.sizes[name]], read(fake.files[name], None, cut.channels)) for name in names]
    return torch.cat([from_uint8(grid.tiles(sheet)) for grid, sheet in sheets])
