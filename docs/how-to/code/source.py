"""Gratings: striped images, drawn and not stored, in four directions."""

import math
from typing import Literal

import torch
from pydantic import PositiveInt

from steadygan.data import Dataset, Progress
from steadygan.data.in_memory import InMemory

DIRECTIONS = ("horizontal", "rising", "vertical", "falling")


class Gratings(InMemory):
    """Grey sine gratings of random phase and period; the class is the direction of the stripes."""

    name: Literal["gratings"] = "gratings"
    count: PositiveInt = 2000
    side: PositiveInt = 32
    seed: int = 0

    def load(self, progress: Progress | None = None) -> Dataset:
        """All images: uint8 [count, 1, side, side], with labels [count] in 0..3."""
        random = torch.Generator().manual_seed(self.seed)
        label = torch.randint(4, (self.count,), generator=random)
        phase, period = torch.rand(2, self.count, 1, 1, generator=random)
        y, x = torch.meshgrid(torch.arange(self.side), torch.arange(self.side), indexing="ij")
        angle = (label * math.pi / 4)[:, None, None]
        along = x * angle.sin() + y * angle.cos()  # [count, side, side]
        waves = torch.sin(2 * math.pi * (along / (4 + 8 * period) + phase))
        images = ((waves + 1) * 127.5).round().to(torch.uint8)
        return Dataset(self.name, images[:, None], label, DIRECTIONS)
