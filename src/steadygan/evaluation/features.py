"""The extractor most scores use: EfficientNet-Lite0 on resized images."""

from functools import cached_property
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import PositiveInt
from torch import Tensor

from steadygan.errors import EvaluationError
from steadygan.evaluation.base import Extractor
from steadygan.evaluation.efficientnet import EfficientNetLite0Network, pretrained


class EfficientNetLite0(Extractor):
    """Features of an ImageNet classifier that ships with the package: `head` [N, 1280], `tap` [N, 112], `logits` [N, 1000].

    It is not the Inception network of published FID tables: compare its scores with each other and with the real-against-real
    floor only. It is touchy to pixel noise: noise of 8/255 can cost more than half of the classes missing.

    Attributes:
        size: images are resized to size x size first, antialiased.
        batch_size: images a pass; the features do not depend on it beyond rounding.
        precision: `bfloat16` is faster on processors that have it; never compare scores across precisions.
        device: where the network runs; features come back to the CPU.
    """

    name: Literal["efficientnet-lite0"] = "efficientnet-lite0"
    size: PositiveInt = 64
    batch_size: PositiveInt = 64
    precision: Literal["float32", "bfloat16"] = "float32"
    device: str = "cpu"

    @property
    def title(self) -> str:
        """`EfficientNet-Lite0`."""
        return "EfficientNet-Lite0"

    @cached_property
    def network(self) -> EfficientNetLite0Network:
        """The network, loaded at first use and kept as long as this extractor."""
        return pretrained().to(self.device)

    def features(self, examples: Tensor) -> dict[str, Tensor]:
        """uint8 [N, C, H, W] with 1, 2 (grey + alpha), 3 or 4 (colour + alpha) channels -> `tap`, `head`, `logits`, float32 [N, F]."""
        check_images(examples, self.name)
        parts = [self._batch(batch.to(self.device)) for batch in examples.split(self.batch_size)]
        return {tap: torch.cat([part[tap] for part in parts]) for tap in ("tap", "head", "logits")}

    @torch.inference_mode()  # only here: what `cat` makes of the batches outside is an ordinary tensor
    def _batch(self, images: Tensor) -> dict[str, Tensor]:
        images = (resized(as_rgb(images), self.size) - 0.498) / 0.502
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            taps = self.network(images)
        return {tap: value.float().cpu() for tap, value in taps.items()}


def check_images(examples: Tensor, where: str) -> None:
    """Raises EvaluationError unless `examples` are images uint8 [N, C, H, W], N at least 1 and C in 1..4."""
    if examples.dtype != torch.uint8 or examples.ndim != 4:
        found = f"{str(examples.dtype).removeprefix('torch.')} {list(examples.shape)}"
        raise EvaluationError(
            f"{where}: images must be uint8 [N, C, H, W], got {found}",
            "use the extractor 'points' for points, or round to 0..255",
        )
    if not len(examples) or not 1 <= examples.shape[1] <= 4:
        raise EvaluationError(f"{where}: needs at least one image of 1 to 4 channels, got {list(examples.shape)}")


def as_rgb(images: Tensor) -> Tensor:
    """uint8 [N, 1..4, H, W] -> float32 [N, 3, H, W] in [0, 1]: grey is repeated, alpha is laid onto white."""
    images = images.float() / 255
    if images.shape[1] in (2, 4):
        colour, alpha = images[:, :-1], images[:, -1:]
        images = colour * alpha + (1 - alpha)
    return images.expand(-1, 3, -1, -1)


def resized(images: Tensor, size: int) -> Tensor:
    """float [N, C, H, W] -> [N, C, size, size], bilinear and antialiased: shrinking must not alias (Parmar 2021, arXiv:2104.11222)."""
    if images.shape[-2:] == (size, size):
        return images
    return F.interpolate(images, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
