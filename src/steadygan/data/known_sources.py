"""The known sets as sources: the one that comes with the package, and those that are fetched when first opened."""

import tarfile
import zlib
from importlib.resources import files
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from steadygan.data.fetch import fetch
from steadygan.data.idx import parse
from steadygan.data.in_memory import InMemory
from steadygan.data.known import KNOWN
from steadygan.data.source import Dataset, Progress
from steadygan.errors import DataError

Split = Literal["train", "test", "all"]
CIFAR_RECORD = 1 + 3 * 32 * 32  # bytes: a label and an RGB image, plane by plane


class FashionMnistTest(InMemory):
    """The 10,000 images of the test split of Fashion-MNIST, which come with the package. Xiao et al. 2017, arXiv:1708.07747."""

    name: Literal["fashion-mnist-test"] = "fashion-mnist-test"

    def load(self, progress: Progress | None = None) -> Dataset:
        """Grey 28x28 images of 10 kinds of clothes: uint8 [10000, 1, 28, 28]."""
        folder = files("steadygan.data") / "embedded"
        images, labels = (
            parse((folder / name).read_bytes(), dimensions, name)
            for name, dimensions in (("t10k-images-idx3-ubyte.gz", 3), ("t10k-labels-idx1-ubyte.gz", 1))
        )
        known = KNOWN[self.name]
        return Dataset(known.title, torch.from_numpy(images[:, None]), torch.from_numpy(labels).long(), known.class_names)


class Fetched(InMemory):
    """A known set that is fetched into the cache when first looked at."""

    split: Split = "train"

    def load(self, progress: Progress | None = None) -> Dataset:
        """The images of the split with their labels; `progress` counts bytes while files are fetched."""
        known = KNOWN[self.name]
        images, labels = self.read(fetch(known, progress))
        return Dataset(f"{known.title} ({self.split})", images, labels, known.class_names)

    def read(self, directory: Path) -> tuple[Tensor, Tensor]:
        """Images uint8 [N, C, H, W] and labels [N] int64 of the split from the fetched files."""
        raise NotImplementedError


class _IdxPair(Fetched):
    """A set in the four IDX files of MNIST."""

    prefixes: ClassVar[dict[str, tuple[str, ...]]] = {"train": ("train",), "test": ("t10k",), "all": ("train", "t10k")}

    def read(self, directory: Path) -> tuple[Tensor, Tensor]:
        """Grey 28x28 images, 60,000 of train and 10,000 of test."""

        def joined(kind: str, dimensions: int) -> Tensor:
            names = [f"{prefix}-{kind}-idx{dimensions}-ubyte.gz" for prefix in self.prefixes[self.split]]
            parts = [parse((directory / name).read_bytes(), dimensions, name) for name in names]
            return torch.from_numpy(np.concatenate(parts))

        return joined("images", 3)[:, None], joined("labels", 1).long()


class FashionMnist(_IdxPair):
    """All of Fashion-MNIST: 60,000 training and 10,000 test images, grey 28x28. Xiao et al. 2017, arXiv:1708.07747."""

    name: Literal["fashion-mnist"] = "fashion-mnist"


class Mnist(_IdxPair):
    """The MNIST digits: 60,000 training and 10,000 test images, grey 28x28. LeCun et al. 1998."""

    name: Literal["mnist"] = "mnist"


class Cifar10(Fetched):
    """CIFAR-10: 50,000 training and 10,000 test images, RGB 32x32, 10 classes. Krizhevsky 2009."""

    name: Literal["cifar10"] = "cifar10"

    def read(self, directory: Path) -> tuple[Tensor, Tensor]:
        """Images and labels from the binary version, read inside the archive."""
        train = [f"data_batch_{number}.bin" for number in range(1, 6)]
        names = {"train": train, "test": ["test_batch.bin"], "all": [*train, "test_batch.bin"]}[self.split]
        content = _members(directory / KNOWN[self.name].files[0].name, {f"cifar-10-batches-bin/{name}" for name in names})
        records = torch.frombuffer(bytearray(content), dtype=torch.uint8).view(-1, CIFAR_RECORD)
        return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0].long()


def _members(archive: Path, wanted: set[str]) -> bytes:
    """The content of the wanted members of a tar.gz, one after the other in the order they are stored."""
    try:
        with tarfile.open(archive, "r:gz") as tar:
            found = [file.read() for member in tar if member.name in wanted and (file := tar.extractfile(member))]
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise DataError(f"{archive}: damaged: {error}", "delete it, and it will be fetched again") from None
    return b"".join(found)
