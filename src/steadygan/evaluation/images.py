"""What every image extractor does to images before its network sees them."""

import torch
import torch.nn.functional as F
from torch import Tensor

from steadygan.errors import EvaluationError


def check_images(examples: Tensor, where: str) -> None:
    """Raises EvaluationError unless `examples` are images uint8 [N, C, H, W], with N at least 1 and C in 1..4."""
    found = f"{str(examples.dtype).removeprefix('torch.')} {list(examples.shape)}"
    if examples.dtype != torch.uint8 or examples.ndim != 4:
        problem = f"{where}: images must be uint8 [N, C, H, W], got {found}"
        raise EvaluationError(problem, "round images to 0..255; for points take the extractor 'points'")
    if not len(examples) or not 1 <= examples.shape[1] <= 4:
        raise EvaluationError(f"{where}: needs at least one image of 1 to 4 channels, got {found}")


def as_rgb(images: Tensor) -> Tensor:
    """uint8 [N, 1..4, H, W] -> float32 [N, 3, H, W] in [0, 1]: grey is repeated, alpha (channel 2 or 4) is laid onto white."""
    images = images.float() / 255
    if images.shape[1] in (2, 4):
        colour, alpha = images[:, :-1], images[:, -1:]
        images = colour * alpha + (1 - alpha)
    return images.expand(-1, 3, -1, -1)


def resized(images: Tensor, size: int | None) -> Tensor:
    """float [N, C, H, W] -> [N, C, size, size], bilinear; shrinking is antialiased (Parmar et al. 2022, arXiv:2104.11222)."""
    if size is None or images.shape[-2:] == (size, size):
        return images
    return F.interpolate(images, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
