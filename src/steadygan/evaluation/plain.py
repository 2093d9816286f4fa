"""Extractors without a network: the pixels themselves, and points as they are."""

from typing import Literal

import torch
from pydantic import PositiveInt
from torch import Tensor

from steadygan.errors import EvaluationError
from steadygan.evaluation.base import Extractor
from steadygan.evaluation.images import check_images, resized


class Pixels(Extractor):
    """The pixels in [0, 1], flattened: `head` and `tap` [N, C * H * W]. Blind to what people see; good for exact copies.

    Attributes:
        size: resize to size x size first, antialiased; None keeps the images' own size.
    """

    name: Literal["pixels"] = "pixels"
    size: PositiveInt | None = None

    @property
    def title(self) -> str:
        """`pixels`, with the size where they are resized."""
        return "pixels" if self.size is None else f"pixels at {self.size} x {self.size}"

    def features(self, examples: Tensor) -> dict[str, Tensor]:
        """uint8 [N, C, H, W] -> `head` and `tap`, float32 [N, C * H * W]."""
        check_images(examples, self.name)
        flat = torch.cat([resized(batch.float() / 255, self.size).flatten(1) for batch in torch.split(examples, 256)])
        return {"head": flat, "tap": flat}


class Points(Extractor):
    """Points of the 2-D toys, as they are: `head` and `tap` [N, D]."""

    name: Literal["points"] = "points"

    @property
    def title(self) -> str:
        """`points`."""
        return "points"

    def features(self, examples: Tensor) -> dict[str, Tensor]:
        """float [N, D] -> `head` and `tap`, float32 [N, D]."""
        if not examples.is_floating_point() or examples.ndim != 2:
            found = f"{str(examples.dtype).removeprefix('torch.')} {list(examples.shape)}"
            problem = f"{self.name}: points must be float [N, D], got {found}"
            raise EvaluationError(problem, "for images take the extractor 'efficientnet-lite0' or 'pixels'")
        points = examples.float()
        return {"head": points, "tap": points}
