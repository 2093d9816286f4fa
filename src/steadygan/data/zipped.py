"""A zip of images, read in place."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath, PureWindowsPath
from typing import Literal

from steadygan.data.decoding import NAMES_SHOWN, shortened
from steadygan.data.files import FileTree, ImageFiles
from steadygan.errors import DataError

LARGEST_FILE = 1 << 30  # bytes unpacked; an image file is never this large, a zip bomb is


class Zipped(ImageFiles):
    """Images in a zip, as StyleGAN packs them: image files, perhaps with `dataset.json`. Labels are found as in a `Folder`.

    Nothing is unpacked to disk. A zip with names that point outside of it is refused as a whole.
    """

    name: Literal["zip"] = "zip"

    @contextmanager
    def tree(self) -> Iterator[FileTree]:
        """All files in the zip, which stays open as long as the `with` lasts."""
        with _opened(self) as archive:
            names = [info.filename for info in archive.infolist() if not info.is_dir()]
            outside = [name for name in names if _points_outside(name)]
            if outside:
                found = shortened(outside, NAMES_SHOWN)
                raise DataError(f"{self.path.name}: holds names that point outside of it: {found}", "pack the images again")
            yield FileTree.build(self.path.name, names, lambda name: _bytes(archive, name))


@contextmanager
def _opened(source: Zipped) -> Iterator[zipfile.ZipFile]:
    """The zip file; DataError where there is none or its directory is damaged."""
    try:
        archive = zipfile.ZipFile(source.path.expanduser())
    except FileNotFoundError:
        raise DataError(f"{source.path}: there is no such file", "give the path of a zip of images") from None
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise DataError(f"{source.path.name}: not a zip file or damaged: {error}", "copy or pack it again") from None
    with archive:
        yield archive


def _points_outside(name: str) -> bool:
    """Whether a name would leave the folder it is unpacked into, on any system."""
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    return posix.is_absolute() or bool(windows.anchor) or ".." in (*posix.parts, *windows.parts)


def _bytes(archive: zipfile.ZipFile, name: str) -> bytes:
    """One file, unpacked in memory; DataError with the reason alone where that fails."""
    size = archive.getinfo(name).file_size
    if size > LARGEST_FILE:
        raise DataError(f"unpacks to {size / 1e9:.1f} GB, refused as a possible zip bomb")
    try:
        return archive.read(name)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise DataError(f"damaged in the zip: {error}") from None
    except (RuntimeError, NotImplementedError):
        raise DataError("encrypted, or packed in a way that is not read here") from None
