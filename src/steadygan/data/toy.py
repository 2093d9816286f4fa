"""Mixtures of Gaussians, in the plane those of the protocol of VEEGAN and PacGAN."""

import math
from typing import Literal

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor

from steadygan.data.in_memory import InMemory
from steadygan.data.source import Dataset, Progress


class Mixture(InMemory):
    """Equally likely Gaussians of one standard deviation around `centers`; the same seed gives the same points."""

    std: PositiveFloat  # of each coordinate
    count: PositiveInt = 100_000
    seed: int = 0

    @property
    def centers(self) -> Tensor:
        """The means: float32 [K, D]."""
        raise NotImplementedError

    def load(self, progress: Progress | None = None) -> Dataset:
        """`count` points, float32 [N, D], without labels: the papers train on them unconditionally."""
        random = torch.Generator().manual_seed(self.seed)
        mode = torch.randint(len(self.centers), (self.count,), generator=random)
        noise = torch.randn(self.count, self.centers.shape[1], generator=random)
        return Dataset(self.name, self.centers[mode] + self.std * noise)


class Ring(Mixture):
    """Gaussians on a circle. The defaults are those of PacGAN (Lin et al. 2018, arXiv:1712.04086): 8 modes, radius 1, std 0.01.

    Other papers write radius 2 and std 0.02 or 0.05 for "the ring of 8": state both.
    """

    name: Literal["ring"] = "ring"
    modes: PositiveInt = 8
    radius: PositiveFloat = 1.0
    std: PositiveFloat = 0.01

    @property
    def centers(self) -> Tensor:
        """The means, counter-clockwise from (radius, 0): float32 [modes, 2]."""
        angle = torch.arange(self.modes, dtype=torch.float64) * (2 * math.pi / self.modes)
        return (self.radius * torch.stack([angle.cos(), angle.sin()], dim=1)).float()


class Grid(Mixture):
    """Gaussians on a square lattice around 0. The defaults are those of PacGAN: 25 modes at {-4, -2, 0, 2, 4}^2, std 0.05."""

    name: Literal["grid"] = "grid"
    side: PositiveInt = 5
    spacing: PositiveFloat = 2.0
    std: PositiveFloat = 0.05

    @property
    def centers(self) -> Tensor:
        """The means, row by row from the least: float32 [side * side, 2]."""
        line = (torch.arange(self.side) - (self.side - 1) / 2) * self.spacing
        return torch.cartesian_prod(line, line)
