"""Logit drift: keeps the critic's logits from wandering off together."""

from typing import Literal

from pydantic import PositiveFloat
from torch import Tensor, nn

from steadygan.game import Batch
from steadygan.stabilizers import Stabilizer


class LogitDrift(Stabilizer):
    """Weight times the mean squared logit of real images. Karras et al. 2018, arXiv:1710.10196, appendix A.1.

    A Wasserstein critic may add any number to all its logits; this term holds them near 0.
    """

    name: Literal["logit_drift"] = "logit_drift"
    weight: PositiveFloat = 0.001

    def penalty(self, discriminator: nn.Module, batch: Batch) -> Tensor | None:
        """weight * mean logit^2 on real images -> scalar, at least 0."""
        logits: Tensor = discriminator(batch.real, batch.label)  # [B]
        return self.weight * logits.square().mean()
