"""Stacked sets: one image of a labelled set in each channel, so that K classes make K^3 modes."""

from typing import Annotated, Any, Literal

import torch
from pydantic import BeforeValidator, PlainSerializer, PositiveInt
from torch import Tensor

from steadygan.data.arrays import Arrays
from steadygan.data.folder import Folder
from steadygan.data.idx import Idx
from steadygan.data.in_memory import InMemory
from steadygan.data.known_sources import FashionMnist, FashionMnistTest, Mnist
from steadygan.data.memory import allocate
from steadygan.data.source import Dataset, Progress, Source
from steadygan.data.zipped import Zipped
from steadygan.errors import DataError
from steadygan.parts import Table

CHANNELS = 3
CHUNK = 4096  # images stacked at once

STACKABLE: Table[Source] = Table(
    "source",
    Source,
    {
        "mnist": Mnist,
        "fashion-mnist": FashionMnist,
        "fashion-mnist-test": FashionMnistTest,
        "idx": Idx,
        "array": Arrays,
        "folder": Folder,
        "zip": Zipped,
    },
)


def stackable(value: object) -> Source:
    """The labelled source that a user means, as elsewhere in a config."""
    return STACKABLE.build(value, "data.of")


def spec(source: Source) -> dict[str, Any]:
    """The plain mapping that builds the source again."""
    return source.spec()


class Stacked(InMemory):
    """Three grey images drawn at random, one in each channel of an RGB image: Stacked MNIST, whose 10 digits make 1,000 modes.

    Metz et al. 2017, arXiv:1611.02163, section 3.3.1. The defaults are those of PacGAN (Lin et al. 2018, arXiv:1712.04086):
    128,000 images, each channel drawn by itself and with replacement from all 70,000 digits; 26,000 samples are scored, with
    the metric `stacked_modes`. Without labels: the papers train on them unconditionally. What the channels were drawn from is
    kept as `Dataset.stacked_from`.

    Attributes:
        of: a source with labels, by default both splits: {name: mnist, split: all}; images are made grey if they are not.
    """

    name: Literal["stacked"] = "stacked"
    of: Annotated[Source, BeforeValidator(stackable), PlainSerializer(spec)] = Mnist(split="all")
    count: PositiveInt = 128_000
    seed: int = 0

    def load(self, progress: Progress | None = None) -> Dataset:
        """The images at the size of what they are stacked from: uint8 [N, 3, H, W]."""
        return self.open(progress=progress)

    def open(self, resolution: int | None = None, channels: int | None = None, *, progress: Progress | None = None) -> Dataset:
        """The images, stacked from such as have `resolution` already: uint8 [N, 3, R, R].

        Raises:
            DataError: what is to be stacked has no labels, or other than 3 channels are asked for.
        """
        if channels not in (None, CHANNELS):
            raise DataError(f"{self.name}: has {CHANNELS} channels, one a class, not {channels}", "leave channels out")
        base = self.of.open(resolution, 1, progress=progress)
        if base.labels is None:
            raise DataError(f"{self.name}: {base.name} has no labels, so nobody could count its modes", "give a labelled set")
        chosen = torch.randint(len(base), (self.count, CHANNELS), generator=torch.Generator().manual_seed(self.seed))
        return Dataset(f"stacked {base.name}", stack(base.examples, chosen), stacked_from=base)


def stack(images: Tensor, chosen: Tensor) -> Tensor:
    """The chosen grey images as channels: uint8 [M, 1, H, W], int64 [N, C] -> uint8 [N, C, H, W]."""
    out = allocate((*chosen.shape, *images.shape[2:]))
    for start in range(0, len(chosen), CHUNK):
        part = chosen[start : start + CHUNK]
        out[start : start + len(part)] = images[part, 0]
    return out
