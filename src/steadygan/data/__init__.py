"""Where examples come from: folders, zips, arrays, IDX files, toys and known sets."""

from pathlib import Path

from steadygan.data.arrays import Arrays
from steadygan.data.files import ImageFiles
from steadygan.data.folder import Folder
from steadygan.data.idx import Idx
from steadygan.data.known_sources import Cifar10, FashionMnist, FashionMnistTest, Mnist
from steadygan.data.shapes import Shapes
from steadygan.data.source import Dataset, Progress, Source, Survey
from steadygan.data.stacked import Stacked
from steadygan.data.toy import Grid, Ring
from steadygan.data.zipped import Zipped
from steadygan.errors import DataError
from steadygan.parts import Table, near_miss

__all__ = ["SOURCES", "Dataset", "Progress", "Source", "Survey", "source_for"]

SOURCES: Table[Source] = Table(
    "source",
    Source,
    {
        "folder": Folder,
        "zip": Zipped,
        "array": Arrays,
        "idx": Idx,
        "ring": Ring,
        "grid": Grid,
        "shapes": Shapes,
        "fashion-mnist-test": FashionMnistTest,
        "fashion-mnist": FashionMnist,
        "mnist": Mnist,
        "cifar10": Cifar10,
        "stacked": Stacked,
    },
)
NAMED = tuple(name for name in SOURCES if "path" not in SOURCES[name].model_fields)


def source_for(text: str, skip_bad: bool = False) -> Source:
    """The source that a user means by a word: a name from the table, or the path of a folder, a .zip, .npy, .npz or IDX file.

    A name wins over a file of the same name; write `./ring` for the file.

    Args:
        text: what the user wrote.
        skip_bad: leave out image files that cannot be used (folders and zips).

    Raises:
        DataError: it is neither.

    >>> source_for("ring").name
    'ring'
    >>> source_for("rign")
    Traceback (most recent call last):
    steadygan.errors.DataError: data: there is no file and no set 'rign'; did you mean 'ring'? ...
    """
    if text in NAMED or ".py:" in text:
        return SOURCES.build(text, "data")
    path = Path(text)
    if not text or not path.expanduser().exists():
        raise DataError(f"data: there is no file and no set {text!r}", _suggestion(text, path))
    kind = _kind(path)
    if kind is None:
        raise DataError(f"data: {text!r} is no kind of data that is read here", "give a folder, a .zip, .npy, .npz or IDX file")
    settings = {"skip_bad": skip_bad} if issubclass(kind, ImageFiles) else {}
    return kind.model_validate({"path": path, **settings})


def _kind(path: Path) -> type[Source] | None:
    """The source that reads a file, by the end of its name; IDX files are named in many ways, all with `idx` or `ubyte`."""
    name = path.name.lower()
    if path.expanduser().is_dir():
        return Folder
    if name.endswith(".zip"):
        return Zipped
    if name.endswith((".npz", ".npy")):
        return Arrays
    return Idx if "ubyte" in name or name.removesuffix(".gz").endswith((".idx", "idx3")) else None


def _suggestion(text: str, path: Path) -> str:
    """The nearest set or file, and all sets."""
    folder = path.expanduser().parent
    beside = [str(path.parent / other.name) for other in folder.iterdir()] if folder.is_dir() else []
    return f"{near_miss(text, [*NAMED, *beside])}sets known by name: {', '.join(NAMED)}; or give the path of your data"
