"""Averaged: how far the generator has strayed from its own moving average."""

from typing import Literal

import torch

from steadygan.game import Batch, Networks
from steadygan.monitoring.base import Probe


class Averaged(Probe):
    """Distance between what the generator and its average make of the same latents, in standard deviations of the reals.

    `ema/sample_gap` is the mean absolute difference of two pixels or coordinates over the standard deviation of one in the
    reals. A generator that circles leaves its average behind, which is why averaging helps it (Yazici et al. 2019,
    arXiv:1806.04498); so does one that learns fast. The number depends on how long the average looks back: compare it
    within a run.
    """

    name: Literal["averaged"] = "averaged"

    @torch.no_grad()
    def measure(self, networks: Networks, batch: Batch) -> dict[str, float]:
        """The distance, at least 0; nothing without an average, from reals that are all the same, or where it is not finite."""
        if batch.averaged is None:
            return {}
        distance = (batch.fake.double() - batch.averaged.double()).abs().mean()
        spread = batch.real.double().var(0, correction=0).mean().sqrt()
        gap = (distance / spread).item()
        return {"ema/sample_gap": gap} if spread > 0 and gap < float("inf") else {}
