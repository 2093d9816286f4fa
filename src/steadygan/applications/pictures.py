"""Pictures: image files sampled through time, and which of them belong to one step."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from torch import Tensor

from steadygan.applications.grids import Size
from steadygan.data.decoding import shortened
from steadygan.data.folder import Folder
from steadygan.errors import DataError
from steadygan.images import decode, from_uint8, header, is_grey

LABELLED = re.compile(r"(?i)(step|iteration|iter|update|batch|kimg|epoch)s?[ _=-]*(\d+)")


@dataclass
class Pictures:
    """The image files below a folder.

    Attributes:
        folder: as it was named.
        files: by their names, relative.
        sizes: of each.
        grey: whether none has colour.
        notes: one sentence for each thing that a reader should know.
    """

    folder: Path
    files: dict[str, Path]
    sizes: dict[str, Size]
    grey: bool = True
    notes: list[str] = field(default_factory=list)

    @property
    def size(self) -> Size | None:
        """The size of all of them, None where they differ."""
        return next(iter(self.sizes.values())) if len(set(self.sizes.values())) == 1 else None

    def one_of_each(self) -> list[tuple[str, Size]]:
        """The first file of each size."""
        first: dict[Size, str] = {}
        for name, size in self.sizes.items():
            first.setdefault(size, name)
        return [(name, size) for size, name in first.items()]

    def differing(self) -> str:
        """Files that differ in size, in words."""
        return shortened([f"{name} is {width}x{height}" for name, (width, height) in self.one_of_each()], 2)


def pictures(folder: Path) -> Pictures:
    """The images below a folder; what is none is passed over, and told.

    Raises:
        DataError: there are none.
    """
    found = Pictures(folder, {}, {})
    bad: list[str] = []
    with Folder(path=folder).tree() as tree:
        for name in tree.names:
            file = tree.read(name)
            try:
                found.sizes[name], mode = header(file)
            except DataError as error:
                bad.append(f"{name} ({error.problem})")
                continue
            found.files[name], found.grey = Path(str(file)), found.grey and is_grey(mode)
    if not found.files:
        raise DataError(f"{folder}: there are no images in it, only {shortened(bad, 5)}", "give a folder of images")
    if bad:
        found.notes.append(f"{len(bad)} of {len(tree.names)} files of {folder} are passed over: {shortened(bad, 5)}.")
    return found


def time_points(names: Iterable[str]) -> dict[int, list[str]]:
    """The files of each step, by the numbers in the names of their folders, or else in their own.

    A number after `step` or `iter` counts before others, one after `epoch` or `batch` after them. Where both an epoch and a
    batch are told, the steps are the places in their order.

    >>> time_points(["fakes000200.png", "fakes000000.png"])
    {0: ['fakes000000.png'], 200: ['fakes000200.png']}
    >>> time_points(["epoch_1_batch_5.png", "epoch_2_batch_0.png"])
    {1: ['epoch_1_batch_5.png'], 2: ['epoch_2_batch_0.png']}

    Raises:
        DataError: a name has no number.
    """
    names = sorted(names)
    folders = [numbers_in(PurePosixPath(name).parent.as_posix()) for name in names]
    inside = all(folders) and len({tuple(numbers.values()) for numbers in folders}) > 1
    found = folders if inside else [numbers_in(PurePosixPath(name).stem) for name in names]
    if missing := [name for name, numbers in zip(names, found, strict=True) if not numbers]:
        hint = "name them by their steps, as in 000500.png or step_500/7.png"
        raise DataError(f"{len(missing)} sample images have no number in their name: {shortened(missing, 3)}", hint)
    points: dict[int, list[str]] = {}
    for step, name in zip(steps_of(found), names, strict=True):
        points.setdefault(step, []).append(name)
    return dict(sorted(points.items()))


def numbers_in(name: str) -> dict[str, int]:
    """The numbers in a name by the word before them; the first one without a word under `''`."""
    labelled = {word.lower(): int(number) for word, number in reversed(LABELLED.findall(name))}
    bare = re.search(r"\d+", LABELLED.sub("", name))
    return labelled | ({"": int(bare[0])} if bare else {})


def steps_of(found: Sequence[dict[str, int]]) -> list[int]:
    """The step that the numbers of each name tell."""
    for word in ("step", "iteration", "iter", "update", "kimg"):
        if all(word in numbers for numbers in found) and not all("epoch" in numbers for numbers in found):
            return [numbers[word] for numbers in found]
    if all(len(numbers) > 1 and "epoch" in numbers for numbers in found):
        pairs = [(numbers["epoch"], *(value for word, value in numbers.items() if word != "epoch")) for numbers in found]
        places = {pair: place for place, pair in enumerate(sorted(set(pairs)), 1)}
        return [places[pair] for pair in pairs]
    return [next(numbers[word] for word in ("epoch", "batch", "", *numbers) if word in numbers) for numbers in found]


def one(file: Path, found: Size, size: Size, channels: int) -> Tensor:
    """One image in [-1, 1], cut to a square and resized where it has another size: -> [C, h, w].

    Raises:
        DataError: it cannot be read, or is to become what is no square.
    """
    if found == size:
        return from_uint8(read(file, None, channels))
    if size[0] != size[1]:
        hint = "bring all images to one size first"
        raise DataError(f"{file}: it is {found[0]}x{found[1]} where others are {size[0]}x{size[1]}", hint)
    return from_uint8(read(file, size[0], channels))


def read(file: Path, resolution: int | None, channels: int) -> Tensor:
    """One image file: -> uint8 [C, H, W], with its name in the error where it is damaged."""
    try:
        return decode(file, resolution, channels)
    except DataError as error:
        raise DataError(f"{file}: {error.problem}", "remove it, or make it anew") from None
