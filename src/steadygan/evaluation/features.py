"""The extractor behind most scores: EfficientNet-Lite0 on resized images."""

from functools import cached_property
from typing import Literal

import torch
from pydantic import PositiveInt
from torch import Tensor

from steadygan.evaluation.base import Extractor
from steadygan.evaluation.efficientnet import EfficientNetLite0Network, pretrained
from steadygan.evaluation.images import as_rgb, check_images, resized

TAPS = ("tap", "head", "logits")


class EfficientNetLite0(Extractor):
    """Features of an ImageNet classifier that is there offline: `head` [N, 1280], `tap` [N, 112], `logits` [N, 1000].

    It is not the Inception network of published tables: compare its scores with each other and with the real-against-real floor
    only. It is touchy to pixel noise: on Fashion-MNIST, noise of 8/255 costs more KID than half of the classes missing.

    Attributes:
        size: images are resized to size x size first, antialiased.
        batch_size: images a pass; beyond rounding the features do not depend on it.
        precision: bfloat16 takes about half the time on processors that have it. It moves KID by some percent (by 16% where
            only faint noise is scored), so scores of different precision must not be compared.
        device: where the network runs; features always come back to the CPU.
    """

    name: Literal["efficientnet-lite0"] = "efficientnet-lite0"
    size: PositiveInt = 64
    batch_size: PositiveInt = 64
    precision: Literal["float32", "bfloat16"] = "float32"
    device: str = "cpu"

    @property
    def title(self) -> str:
        """`EfficientNet-Lite0`, and the precision where it is not the usual one."""
        return "EfficientNet-Lite0" if self.precision == "float32" else f"EfficientNet-Lite0 in {self.precision}"

    @cached_property
    def network(self) -> EfficientNetLite0Network:
        """The network, loaded at first use and kept as long as this extractor."""
        return pretrained().to(self.device)

    def features(self, examples: Tensor) -> dict[str, Tensor]:
        """uint8 [N, C, H, W], grey or colour, with alpha or without -> `tap`, `head`, `logits`: float32 [N, F]."""
        check_images(examples, self.name)
        parts = [self._pass(batch.to(self.device)) for batch in torch.split(examples, self.batch_size)]
        return {tap: torch.cat([part[tap] for part in parts]) for tap in TAPS}

    @torch.inference_mode()  # only here: what `cat` makes of the batches outside is an ordinary tensor
    def _pass(self, images: Tensor) -> dict[str, Tensor]:
        images = (resized(as_rgb(images), self.size) - 0.498) / 0.502
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            taps = self.network(images)
        return {tap: value.float().cpu() for tap, value in taps.items()}
