"""Metric: numbers on samples. Extractor: images to the features in which metrics compare."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from steadygan.parts import Part


class Examples(Protocol):
    """Anything with examples and labels, such as a Dataset or Samples."""

    @property
    def examples(self) -> Tensor:
        """Images uint8 [N, C, H, W], or points float32 [N, D]."""

    @property
    def labels(self) -> Tensor | None:
        """[N] int64, or None."""


@dataclass(frozen=True)
class Samples:
    """A set of examples and what an extractor made of them.

    Attributes:
        examples: images uint8 [N, C, H, W], or points float32 [N, D].
        labels: [N] int64 or None; for fakes, the class that was asked for.
        features: tap name -> [N, F] float32, such as `head` [N, 1280].
        stacked_from: of stacked reals the labelled grey images that each channel was drawn from.
    """

    examples: Tensor
    labels: Tensor | None
    features: Mapping[str, Tensor]
    stacked_from: Examples | None = None

    def __len__(self) -> int:
        return len(self.examples)


class Extractor(Part):
    """Turns images into features. Its `title` is printed beside every score."""

    @property
    def title(self) -> str:
        """The extractor's full name, as printed: `EfficientNet-Lite0`."""
        raise NotImplementedError

    def features(self, examples: Tensor) -> dict[str, Tensor]:
        """Features of every example: uint8 [N, C, H, W] -> tap name -> [N, F] float32. Works in small batches."""
        raise NotImplementedError


class Metric(Part):
    """Compares fakes with reals."""

    @property
    def higher_is_better(self) -> bool:
        """Of the first number that `compare` returns."""
        return False

    def title(self, extractor: Extractor) -> str:
        """What people call the first number that `compare` returns, such as `KID`."""
        return self.name

    def compare(self, real: Samples, fake: Samples) -> dict[str, float]:
        """The scores by name, the main one first: `{"kid": 1.8, "kid_standard_error": 0.02}`."""
        raise NotImplementedError
