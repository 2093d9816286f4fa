"""Source: where examples come from; Dataset: the examples themselves, decoded."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from steadygan.parts import Part

Progress = Callable[[int, int], None]  # (done, in all), in bytes while something is fetched and in examples after that


@dataclass(frozen=True)
class Dataset:
    """Decoded examples that sit in memory (or in a memory-mapped file).

    Attributes:
        name: for people, such as `fashion-mnist (test split)`.
        examples: images uint8 [N, C, H, W], or points float32 [N, D].
        labels: [N] int64 in 0..K-1, or None.
        class_names: K names in the order of the labels; empty without labels.
        stacked_from: the labelled grey images, of the same size, that each channel was drawn from; None for all other data.
    """

    name: str
    examples: Tensor
    labels: Tensor | None = None
    class_names: tuple[str, ...] = ()
    stacked_from: "Dataset | None" = None

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example: (C, H, W), or (D,) for points."""
        return tuple(self.examples.shape[1:])

    @property
    def n_classes(self) -> int:
        """0 without labels."""
        return len(self.class_names)

    @property
    def are_images(self) -> bool:
        """Images are uint8 [N, C, H, W]; points are not."""
        return self.examples.dtype == torch.uint8


@dataclass(frozen=True)
class Survey:
    """What a source holds, read from headers alone, before anything is decoded in full.

    Attributes:
        count: usable examples.
        sizes: (width, height) -> how many; empty for points.
        modes: Pillow mode such as `RGB`, `L`, `I;16`, `P`, `CMYK`, `RGBA` -> how many.
        class_counts: class name -> how many; empty without labels.
        bad: (file, reason) of everything that cannot be used.
    """

    count: int
    sizes: dict[tuple[int, int], int]
    modes: dict[str, int]
    class_counts: dict[str, int]
    bad: tuple[tuple[str, str], ...] = ()


class Source(Part):
    """Where examples come from. `survey` looks, `open` decodes."""

    def survey(self, *, progress: Progress | None = None) -> Survey:
        """Counts, sizes, modes, classes and bad files, without decoding everything.

        Raises:
            DataError: there is nothing usable there.
        """
        raise NotImplementedError

    def open(self, resolution: int | None = None, channels: int | None = None, *, progress: Progress | None = None) -> Dataset:
        """All examples at `resolution` x `resolution` with `channels` channels; None keeps what the data has.

        Raises:
            DataError: there is nothing usable there, or files are bad; names all of them at once.
        """
        raise NotImplementedError
