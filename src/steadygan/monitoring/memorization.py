"""Memorization: whether fakes lie closer to the training examples than fresh examples of the data do."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from steadygan.game import Batch, Networks
from steadygan.monitoring.base import Probe
from steadygan.monitoring.logits import area_under_curve
from steadygan.monitoring.nearest import Pool
from steadygan.monitoring.partition import flattened

FEWEST = 8  # held-out examples, and training examples that differ: with fewer, chance reaches everything
CHANCE = 1.645  # standard deviations that 95 of 100 draws stay below


class Memorization(Probe):
    """Nearness to the training examples over nearness to held-out ones, of fakes against that of held-out examples.

    Each example has a ratio: the distance to its nearest example of the reference over that to its nearest held-out example.
    `memorization/closeness` is the chance that the ratio of a fake is below that of a held-out example, in 0..1 with ties a
    half: 0.5 for a generator that knows nothing of the training examples but the data, 1 for copies.

    The test is by ranks, as that of Meehan, Chaudhuri & Dasgupta 2020, arXiv:2004.05675. What we do differently: they compare
    the distances to the training examples alone, where samples from the midst of the data, as of a generator that has
    collapsed there, pass for copies. In the ratio such nearness cancels, and a generator that is far from everything has a
    large one: it scores below 0.5. Pixels are averaged to at most 256 values as for `cells`; points are over their standard
    deviation.

    `memorization/closeness_floor` is what 95 of 100 draws of fresh examples stay below: the distribution of the rank sum for
    as many examples as the fakes have different neighbours (the harmonic mean of those on both sides), and the held-out ones.
    Fakes that share a few neighbours are few, so it comes close to 1 where the generator has collapsed.

    The reference is all training examples up to 2,048, else a random 2,048 of them: of copies of the others it knows nothing.
    """

    name: Literal["memorization"] = "memorization"

    @torch.no_grad()
    def measure(self, networks: Networks, batch: Batch) -> dict[str, float]:
        """Both readings; none without held-out examples or too few of them, or of fakes or reals that are not finite."""
        yardstick = self.yardstick(batch)
        fakes = None if yardstick is None else flattened(batch.fake) / yardstick.scale
        if yardstick is None or fakes is None or not torch.isfinite(fakes).all():
            return {}
        near, near_others = yardstick.reference.nearest(fakes), yardstick.others.nearest(fakes)
        n = 2 / (1 / different(near.position) + 1 / different(near_others.position))
        return {
            "memorization/closeness": area_under_curve(yardstick.ratios, ratio(near.distance, near_others.distance)),
            "memorization/closeness_floor": floor(n, len(yardstick.ratios)),
        }

    def yardstick(self, batch: Batch) -> "Yardstick | None":
        """What fakes are held against; made once in a session."""
        if batch.reference is None or batch.heldout is None:
            return None
        if self.name not in batch.made:
            batch.made[self.name] = Yardstick.of(batch.reference, batch.heldout)
        found: Yardstick | None = batch.made[self.name]
        return found


@dataclass(frozen=True)
class Yardstick:
    """The data that fakes are held against.

    Attributes:
        scale: [F] or [1], what features are divided by.
        reference: the training examples.
        others: held-out examples, no more than there are different training examples: a generator that is far from everything
            must not be closer to the training examples because there are fewer of the others.
        ratios: [N] of all held-out examples.
    """

    scale: Tensor
    reference: Pool
    others: Pool
    ratios: Tensor

    @classmethod
    def of(cls, reference: Tensor, heldout: Tensor) -> "Yardstick | None":
        """From training examples [M, ...] and held-out ones [N, ...]; None where they are too few, or not finite."""
        known, fresh = flattened(reference), flattened(heldout)
        spread = known.std(0, correction=0) if reference.dim() == 2 else known.new_ones(1)
        scale = torch.where(spread > 0, spread, 1.0)
        known, fresh = known / scale, fresh / scale
        if not (torch.isfinite(known).all() and torch.isfinite(fresh).all()):
            return None
        n = min(len(fresh), len(torch.unique(known, dim=0)))
        if n < FEWEST:
            return None
        pool, others = Pool.of(known), Pool.of(fresh[:n])
        return cls(scale, pool, others, ratio(pool.nearest(fresh).distance, others.nearest(fresh, itself=True).distance))


def ratio(near: Tensor, near_others: Tensor) -> Tensor:
    """Distance over distance, 0 for a copy: [N], [N] -> [N]."""
    return near / near_others.clamp_min(torch.finfo(near.dtype).tiny)


def different(position: Tensor) -> float:
    """How many neighbours there are, by the inverse of the chance that two examples share one: [N] -> 1..N."""
    shares = torch.bincount(position).double() / len(position)
    return 1 / float(shares.square().sum())


def floor(n: float, m: int) -> float:
    """What the share of pairs in which the first is smaller stays below in 95 of 100 draws of n and m from one distribution.

    That of Mann & Whitney 1947: 1/2, and a variance of (n + m + 1) / (12 n m).
    """
    return min(0.5 + CHANCE * math.sqrt((n + m + 1) / (12 * n * m)), 1.0)
