"""Labels: whether training is still given the classes that belong to its examples."""

from math import sqrt
from typing import Literal

import torch
from torch import Tensor

from steadygan.game import Batch, Networks
from steadygan.monitoring.base import Probe
from steadygan.monitoring.nearest import Pool
from steadygan.monitoring.partition import flattened

FEWEST = 8  # examples of the reference and of those that training saw last: fewer say nothing
CHANCE = 1.645  # standard deviations that 95 of 100 draws stay above


class Labels(Probe):
    """How often an example that training saw last has the class of its nearest neighbour in the reference.

    `labels/agreement` is that share, 0..1. `labels/agreement_floor` is what 95 of 100 draws of as many examples of the
    reference itself stay above: its leave-one-out agreement, less what chance takes from so few. Pixels are averaged to at most
    256 values as for `cells`. Shuffled labels bring it down to the chance of two equal classes; the images show nothing of it.
    """

    name: Literal["labels"] = "labels"

    @torch.no_grad()
    def measure(self, networks: Networks, batch: Batch) -> dict[str, float]:
        """Both readings; none of a game without classes, or of examples that are too few or not finite."""
        if batch.live is None or batch.live_label is None or batch.reference_label is None or len(batch.live) < FEWEST:
            return {}
        known, live = self.known(batch), flattened(batch.live)
        if known is None or not torch.isfinite(live).all():
            return {}
        pool, usual = known
        found = same(batch.reference_label.cpu()[pool.nearest(live).position], batch.live_label.cpu())
        floor = max(usual - CHANCE * sqrt(usual * (1 - usual) / len(live)), 0.0)
        return {"labels/agreement": found, "labels/agreement_floor": floor}

    def known(self, batch: Batch) -> tuple[Pool, float] | None:
        """The reference, and how often its own examples agree with their neighbours; made once in a session."""
        if self.name not in batch.made:
            batch.made[self.name] = self.made(batch)
        found: tuple[Pool, float] | None = batch.made[self.name]
        return found

    def made(self, batch: Batch) -> tuple[Pool, float] | None:
        """The same anew; None where the reference is too small or not finite."""
        if batch.reference is None or batch.reference_label is None or len(batch.reference) < FEWEST:
            return None
        examples, label = flattened(batch.reference), batch.reference_label.cpu()
        if not torch.isfinite(examples).all():
            return None
        pool = Pool.of(examples)
        return pool, same(label[pool.nearest(examples, itself=True).position], label)


def same(ones: Tensor, others: Tensor) -> float:
    """The share of equal classes: [N], [N] -> 0..1."""
    return (ones == others).double().mean().item()
