"""Nearest neighbours in a pool of examples that stays."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Nearest:
    """Of each of N examples the nearest in a pool: its position [N] int64, and the distance [N] float64."""

    position: Tensor
    distance: Tensor


@dataclass(frozen=True)
class Pool:
    """Examples among which the nearest is looked for, with what that takes.

    Attributes:
        examples: [M, F] float64 on the CPU; centre: [F], their mean.
        centred: [M, F] without it, and halves: [M], half their squared length; float32.
    """

    examples: Tensor
    centre: Tensor
    centred: Tensor
    halves: Tensor

    @classmethod
    def of(cls, examples: Tensor) -> "Pool":
        """The pool of [M, F] float64."""
        centre = examples.mean(0)  # distances do not change, and lose less to rounding
        centred = (examples - centre).float()
        return cls(examples, centre, centred, centred.square().sum(1) / 2)

    def nearest(self, x: Tensor, itself: bool = False) -> Nearest:
        """The nearest for each of [N, F]; with `itself` x begins with the pool, and no example is its own neighbour.

        Distances are computed anew for the pair found, so that a copy is at exactly 0.
        """
        further = torch.addmm(self.halves, (x - self.centre).float(), self.centred.T, alpha=-1)  # squared distance, in order
        if itself:
            further.diagonal().fill_(torch.inf)
        position = further.argmin(1)
        return Nearest(position, (x - self.examples[position]).norm(dim=1))
