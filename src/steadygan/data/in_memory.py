"""Sources that come as one block of images or points, not as files."""

from dataclasses import replace

import torch

from steadygan.data.decoding import fit_all
from steadygan.data.source import Dataset, Progress, Source, Survey
from steadygan.errors import DataError

_MODE = {1: "L", 3: "RGB", 4: "RGBA"}


class InMemory(Source):
    """A source that says how to `load` its examples as they are; sizes and channels are dealt with here."""

    def load(self, progress: Progress | None = None) -> Dataset:
        """All examples in the size and with the channels they have."""
        raise NotImplementedError

    def survey(self, *, progress: Progress | None = None) -> Survey:
        """Counts of what is there; the examples are read, but not resized."""
        data = self.load(progress)
        counts: list[int] = []
        if data.labels is not None:
            counts = torch.bincount(data.labels, minlength=data.n_classes).tolist()
        return Survey(
            count=len(data),
            sizes={(data.shape[2], data.shape[1]): len(data)} if data.are_images else {},
            modes={_MODE[data.shape[0]] if data.are_images else f"points [{data.shape[0]}]": len(data)},
            class_counts=dict(zip(data.class_names, counts, strict=True)),
        )

    def open(self, resolution: int | None = None, channels: int | None = None, *, progress: Progress | None = None) -> Dataset:
        """All examples; images are centre-cropped and resized as `images.decode` says where they have another size.

        Raises:
            DataError: a resolution or channels are asked of points.
        """
        data = self.load(progress)
        if data.are_images:
            return replace(data, examples=fit_all(data.examples, resolution, channels, progress))
        if resolution or channels:
            raise DataError(f"{self.name}: holds points, which have no resolution and no channels", "leave both out")
        return data
