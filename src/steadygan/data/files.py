"""What a folder and a zip have in common: a tree of image files, perhaps with classes."""

import posixpath
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from torch import Tensor

from steadygan.data.decoding import Bad, as_labels, complaint, decode_all, in_threads
from steadygan.data.labels import CSV, JSON, Labelling, labelling
from steadygan.data.source import Dataset, Progress, Source, Survey
from steadygan.errors import DataError
from steadygan.images import WHITE, decode, header, is_grey

CLUTTER = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx"}  # what file managers leave behind

Header = tuple[tuple[int, int], str]  # ((width, height), Pillow mode)


@dataclass(frozen=True)
class FileTree:
    """The files below one root.

    Attributes:
        where: the root, for people, such as `photos/`.
        names: of all files that are neither clutter nor labels, with forward slashes, sorted.
        read: name -> the path or the bytes of a file; raises DataError with the reason alone.
        labels: the class of each file.
    """

    where: str
    names: list[str]
    read: Callable[[str], bytes | Path]
    labels: Labelling

    @classmethod
    def build(cls, where: str, names: Iterable[str], read: Callable[[str], bytes | Path]) -> "FileTree":
        """The tree of `names`, less clutter and label files; folders that everything lies in are entered."""
        kept = sorted(name for name in names if not is_clutter(name))
        root = posixpath.commonpath([posixpath.dirname(name) for name in kept]) if kept else ""
        inside = [posixpath.relpath(name, root or ".") for name in kept]
        images = [name for name in inside if name not in (CSV, JSON)]
        if not images:
            raise DataError(
                f"{where}: there are no images in it", "put images there, in one subfolder a class if they have classes"
            )
        texts = {name: _text(where, name, read(posixpath.join(root, name))) for name in inside if name in (CSV, JSON)}
        return cls(where, images, lambda name: read(posixpath.join(root, name)), labelling(images, texts, where))

    def header(self, name: str) -> Header:
        """Size and mode of one file; raises DataError where it cannot be used."""
        found = header(self.read(name))
        if self.labels.classes is not None and name not in self.labels.classes:
            raise DataError(self.labels.reason)
        return found

    def decode(self, name: str, shape: tuple[int, ...], resolution: int | None, background: tuple[int, int, int]) -> Tensor:
        """One image: -> uint8 [C, H, W]; raises DataError where it cannot be used."""
        if self.labels.classes is not None and name not in self.labels.classes:
            self.header(name)  # says first whether it is an image at all, then that its label is missing
        return decode(self.read(name), resolution, shape[0], background)


def _text(where: str, name: str, file: bytes | Path) -> bytes:
    """The content of a label file."""
    try:
        return file if isinstance(file, bytes) else file.read_bytes()
    except OSError as error:
        raise DataError(f"{where.rstrip('/')}/{name}: cannot be read: {error.strerror}") from None


def is_clutter(name: str) -> bool:
    """Hidden files and the leavings of file managers; they are passed over in silence."""
    return any(part.startswith(".") or part.lower() in CLUTTER for part in PurePosixPath(name).parts)


class ImageFiles(Source):
    """Image files of any size and mode, with or without classes. `Folder` and `Zipped` say where the files are."""

    path: Path
    background: tuple[int, int, int] = WHITE  # RGB under transparent pixels, 0 to 255
    skip_bad: bool = False  # leave out files that cannot be used, instead of refusing them all at once

    @contextmanager
    def tree(self) -> Iterator[FileTree]:
        """The files, readable inside the `with`."""
        raise NotImplementedError
        yield

    def survey(self, *, progress: Progress | None = None) -> Survey:
        """Counts, sizes, modes, classes and unusable files, from headers; a file cut short is found by `open` only."""
        with self.tree() as tree:
            return _survey(tree, progress)

    def open(self, resolution: int | None = None, channels: int | None = None, *, progress: Progress | None = None) -> Dataset:
        """All images, centre-cropped and resized as `images.decode` says: uint8 [N, C, H, W].

        Raises:
            DataError: files cannot be used (all are named, with the reasons); or sizes differ and no resolution is given.
        """
        with self.tree() as tree:
            shape = _shape(tree, resolution, channels, progress)
            examples, kept, bad = decode_all(
                lambda index: tree.decode(tree.names[index], shape, resolution, self.background), tree.names, shape, progress
            )
        _refuse(tree, bad + tree.labels.absent, anything_left=bool(kept), skip_bad=self.skip_bad)
        if tree.labels.classes is None:
            return Dataset(self.path.resolve().name, examples)
        labels, class_names = as_labels([tree.labels.classes[tree.names[index]] for index in kept])
        return Dataset(self.path.resolve().name, examples, labels, class_names)


def _refuse(tree: FileTree, bad: Bad, anything_left: bool, skip_bad: bool) -> None:
    """Raises with every bad file named, where bad files are not to be skipped or are all there is."""
    if bad and not (skip_bad and anything_left):
        hint = "pass --skip-bad to leave them out" if anything_left else "give a place that holds images"
        raise DataError(complaint(tree.where, bad, len(tree.names) + len(tree.labels.absent)), hint)


def _survey(tree: FileTree, progress: Progress | None) -> Survey:
    """The survey of an open tree."""

    def look(index: int) -> Header | str:
        try:
            return tree.header(tree.names[index])
        except DataError as error:
            return error.problem

    looks = dict(zip(tree.names, in_threads(look, len(tree.names), progress), strict=True))
    good = {name: found for name, found in looks.items() if not isinstance(found, str)}
    bad = [(name, found) for name, found in looks.items() if isinstance(found, str)] + tree.labels.absent
    _refuse(tree, bad, anything_left=bool(good), skip_bad=True)
    classes = Counter(tree.labels.classes[name] for name in good) if tree.labels.classes is not None else {}
    return Survey(
        count=len(good),
        sizes=dict(Counter(size for size, _ in good.values())),
        modes=dict(Counter(mode for _, mode in good.values())),
        class_counts=dict(sorted(classes.items())),
        bad=tuple(bad),
    )


def _shape(tree: FileTree, resolution: int | None, channels: int | None, progress: Progress | None) -> tuple[int, int, int]:
    """(C, H, W) of what comes out; headers are read only where the caller leaves something to the data."""
    if resolution and channels:
        return channels, resolution, resolution
    survey = _survey(tree, progress)
    channels = channels or (1 if all(map(is_grey, survey.modes)) else 3)
    if resolution:
        return channels, resolution, resolution
    if len(survey.sizes) > 1:
        sizes = [f"{width}x{height}" for width, height in sorted(survey.sizes)]
        found = f"images come in {len(sizes)} sizes, such as {sizes[0]} and {sizes[-1]}"
        raise DataError(f"{tree.where}: {found}", "give a resolution")
    ((width, height),) = survey.sizes
    return channels, height, width
