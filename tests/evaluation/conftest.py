from collections.abc import Callable

import pytest
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from steadygan.evaluation import Samples
from steadygan.images import as_tensor


@pytest.fixture
def samples() -> Callable[..., Samples]:
    """Samples whose features are given: at `head` and `tap`, or at the taps named."""

    def make(features: Tensor, labels: Tensor | None = None, **taps: Tensor) -> Samples:
        return Samples(features, labels, taps or {"head": features, "tap": features})

    return make


@pytest.fixture
def clock() -> Tensor:
    """A drawn analog clock, uint8 [1, 3, 224, 224]: a picture of ImageNet's classes that needs no file."""
    image = Image.new("RGB", (224, 224), (200, 190, 170))
    draw = ImageDraw.Draw(image)
    draw.ellipse((20, 20, 204, 204), fill=(250, 250, 245), outline=(30, 30, 30), width=8)
    for hour in range(12):
        angle = torch.tensor(hour * torch.pi / 6)
        x, y = float(angle.sin()), -float(angle.cos())
        draw.line((112 + 70 * x, 112 + 70 * y, 112 + 82 * x, 112 + 82 * y), fill=(0, 0, 0), width=5)
    draw.line((112, 112, 112, 50), fill=(0, 0, 0), width=5)
    draw.line((112, 112, 150, 130), fill=(0, 0, 0), width=7)
    return as_tensor(image)[None]
