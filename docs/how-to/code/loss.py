"""One-sided label smoothing: real images are called 90% real, not 100%."""

from typing import Annotated, Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from steadygan.losses import Loss


class SmoothedLogistic(Loss):
    """Non-saturating loss with a softened target for real images. Salimans et al. 2016, arXiv:1606.03498, section 3.4."""

    name: Literal["smoothed_logistic"] = "smoothed_logistic"
    target: Annotated[float, Field(gt=0.5, le=1)] = 0.9  # what a real image is said to be; 1 is the plain loss

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Mean cross-entropy, real against `target` and fake against 0: [B], [B] -> scalar, at least 0."""
        real = self.target * F.softplus(-real_logits) + (1 - self.target) * F.softplus(real_logits)
        return real.mean() + F.softplus(fake_logits).mean()

    def generator(self, fake_logits: Tensor, real_logits: Tensor) -> Tensor:
        """Mean of -log D(fake): [B] -> scalar, at least 0."""
        return F.softplus(-fake_logits).mean()
