"""Saturation: how much of the images lies at the ends of the range."""

from typing import Annotated, Literal

import torch
from pydantic import Field

from steadygan.game import Batch, Networks
from steadygan.monitoring import Probe


class Saturation(Probe):
    """Share of all pixels at either end of [-1, 1], for fake and real. A tanh that is stuck there passes no gradient."""

    name: Literal["saturation"] = "saturation"
    bound: Annotated[float, Field(gt=0, lt=1)] = 0.98  # from here on a pixel counts as saturated

    @torch.no_grad()
    def measure(self, networks: Networks, batch: Batch) -> dict[str, float]:
        """`saturation/fake` and `saturation/real`, in 0..1."""
        sides = {"fake": batch.fake, "real": batch.real}
        return {f"saturation/{side}": (images.abs() > self.bound).float().mean().item() for side, images in sides.items()}
