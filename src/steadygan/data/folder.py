"""A folder of images."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from steadygan.data.files import FileTree, ImageFiles
from steadygan.errors import DataError


class Folder(ImageFiles):
    """Images in a folder: all in one place, or one subfolder a class, or with labels in metadata.csv or dataset.json.

    `metadata.csv` has the columns file_name and label; `dataset.json` is `{"labels": [["file.png", 3], ...]}` as in
    StyleGAN. Without either, two or more subfolders are the classes. Hidden files and what file managers leave behind are
    passed over.
    """

    name: Literal["folder"] = "folder"

    @contextmanager
    def tree(self) -> Iterator[FileTree]:
        """All files below the folder; links to folders are followed."""
        root = self.path.expanduser()
        where = f"{root.resolve().name}/"
        if not root.is_dir():
            raise DataError(f"{self.path}: there is no such folder", "give the path of a folder of images")
        yield FileTree.build(where, _files_below(root), lambda name: root / name)


def _files_below(root: Path) -> Iterator[str]:
    """Names of all files below `root`, relative and with forward slashes; each real folder is entered once, links or not."""
    seen: set[str] = set()
    for directory, folders, files in os.walk(root, followlinks=True):
        real = os.path.realpath(directory)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        for file in files:
            path = Path(directory) / file
            if path.is_file() or not path.exists():  # a pipe would wait for ever; a broken link is to be named
                yield path.relative_to(root).as_posix()
