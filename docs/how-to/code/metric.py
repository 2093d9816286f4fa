"""Brightness: do fakes come as bright and as dark as reals do?"""

from typing import ClassVar, Literal

from torch import Tensor

from steadygan.evaluation import Extractor, Metric, Samples
from steadygan.evaluation.checks import enough


class Brightness(Metric):
    """Wasserstein distance between the mean brightness of reals and that of fakes, in grey levels. Lower is better.

    In one dimension it is the mean distance between the sorted values (Villani 2003, "Topics in optimal transportation").
    """

    at_least: ClassVar[int] = 2

    name: Literal["brightness"] = "brightness"

    def title(self, extractor: Extractor) -> str:
        """`brightness distance`."""
        return "brightness distance"

    def compare(self, real: Samples, fake: Samples) -> dict[str, float]:
        """`brightness`, 0 to 255. Both sides have as many samples: the evaluation sees to that."""
        enough(min(len(real), len(fake)), self.name, self.at_least)
        return {"brightness": float((sorted_means(real.examples) - sorted_means(fake.examples)).abs().mean())}


def sorted_means(images: Tensor) -> Tensor:
    """Mean grey level of each image, in rising order: uint8 [N, C, H, W] -> [N] float64 in 0..255."""
    return images.double().flatten(1).mean(1).sort().values
