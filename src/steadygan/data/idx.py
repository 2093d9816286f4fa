"""The IDX format of MNIST, plain or gzipped."""

import gzip
import math
import zlib
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from steadygan.data.decoding import as_labels
from steadygan.data.in_memory import InMemory
from steadygan.data.source import Dataset, Progress
from steadygan.errors import DataError

UNSIGNED_BYTE = 0x08


class Idx(InMemory):
    """Grey images in an IDX file such as train-images-idx3-ubyte.gz; its labels file is found beside it by the usual naming."""

    name: Literal["idx"] = "idx"
    path: Path
    labels: Path | None = None  # where the labels are, if not beside the images under the usual name

    def load(self, progress: Progress | None = None) -> Dataset:
        """The images as uint8 [N, 1, H, W].

        Raises:
            DataError: a file is missing, damaged or of another type, or the two do not belong together.
        """
        images = read(self.path.expanduser(), dimensions=3)
        if not images.size:
            raise DataError(
                f"{self.path.name}: holds no images, its shape is {list(images.shape)}", "there must be at least one"
            )
        labels_path = self.labels.expanduser() if self.labels else labels_beside(self.path.expanduser())
        examples = torch.from_numpy(images[:, None])
        if labels_path is None:
            return Dataset(self.path.name, examples)
        labels = read(labels_path, dimensions=1)
        if len(labels) != len(images):
            raise DataError(f"{labels_path.name}: holds {len(labels)} labels for {len(images)} images of {self.path.name}")
        return Dataset(self.path.name, examples, *as_labels([str(label) for label in labels.tolist()]))


def labels_beside(images: Path) -> Path | None:
    """The labels file that belongs to an images file, with or without .gz, if it is there.

    `train-images-idx3-ubyte` goes with `train-labels-idx1-ubyte`; a dot for a dash is as common.
    """
    name = images.name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    candidates = [images.with_name(name), images.with_name(f"{name}.gz")]
    return next((path for path in candidates if path != images and path.is_file()), None)


def read(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """The array in an IDX file, plain or gzipped, which must have so many dimensions."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}", "give the path of an IDX file") from None
    return parse(content, dimensions, path.name)


def parse(content: bytes, dimensions: int, where: str) -> NDArray[np.uint8]:
    """The array in the bytes of an IDX file: two zero bytes, a type, the number of dimensions, their sizes, the values.

    Raises:
        DataError: the bytes are damaged, of another type, or fewer or more than the header says.
    """
    content = _unzipped(content, where)
    start = 4 + 4 * dimensions
    if len(content) < start or content[:2] != b"\0\0" or content[2] != UNSIGNED_BYTE or content[3] != dimensions:
        raise DataError(f"{where}: not an IDX file of bytes with {dimensions} dimensions, it begins with {content[:4].hex()}")
    shape = [int(size) for size in np.frombuffer(content[4:start], dtype=">u4")]
    if len(content) - start != math.prod(shape):
        sizes = " x ".join(map(str, shape))
        raise DataError(
            f"{where}: truncated or damaged: {sizes} values announced, {len(content) - start} found", "copy it again"
        )
    return np.frombuffer(bytearray(content[start:]), dtype=np.uint8).reshape(shape)


def _unzipped(content: bytes, where: str) -> bytes:
    """The bytes themselves, or what was gzipped in them."""
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise DataError(f"{where}: damaged gzip: {error}", "copy it again") from None
