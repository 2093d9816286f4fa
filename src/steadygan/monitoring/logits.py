"""Logits: what the discriminator says of real, fake and held-out images, and how well it tells them apart."""

from typing import Literal

import torch
from torch import Tensor

from steadygan.game import Batch, Networks, judged
from steadygan.monitoring.base import Probe
from steadygan.monitoring.quiet import Quiet


class Logits(Probe):
    """Means, spreads and the separation of the discriminator's raw logits, in the mode it stands in.

    Readings: `logit/real`, `logit/fake`, `logit/held_out` are means. `logit_std/real`, `logit_std/fake` are standard deviations
    within the batch, `dispersion/logits` is fake over real, `gap/logits` the mean of real minus that of fake.
    `accuracy/real` and `accuracy/fake` are the shares on the right side of `threshold`, in 0..1, `accuracy/discriminator` is
    their mean.
    `auc/discriminator` is the chance that a real logit is above a fake one, in 0..1 with ties a half: it needs no threshold.
    Where a logit is not finite only the means are given.

    Attributes:
        threshold: between real and fake. 0 suits the logistic and hinge losses, 0.5 least squares. Wasserstein and relativistic
            losses leave the level of the logits free: there accuracy means nothing and the AUC is the reading to look at.
    """

    name: Literal["logits"] = "logits"
    threshold: float = 0.0

    @torch.no_grad()
    def measure(self, networks: Networks, batch: Batch) -> dict[str, float]:
        """The readings by name; `logit/held_out` where the batch has held-out images, and their classes if others have them."""
        discriminator = Quiet(networks.discriminator)
        real = judged(discriminator, batch.real, batch.label).double()
        fake = judged(discriminator, batch.fake, batch.fake_label).double()
        readings = {"logit/real": real.mean().item(), "logit/fake": fake.mean().item()}
        if batch.heldout is not None and (batch.label is None) == (batch.heldout_label is None):
            readings["logit/held_out"] = judged(discriminator, batch.heldout, batch.heldout_label).double().mean().item()
        return {**readings, **separation(real, fake, self.threshold)}


def separation(real: Tensor, fake: Tensor, threshold: float) -> dict[str, float]:
    """How far apart and how wide two sets of logits are: [N], [M] -> the readings by name."""
    if not (torch.isfinite(real).all() and torch.isfinite(fake).all()):
        return {}
    right_real, right_fake = (real > threshold).double().mean().item(), (fake <= threshold).double().mean().item()
    spread_real, spread_fake = real.std(correction=0).item(), fake.std(correction=0).item()
    readings = {
        "gap/logits": (real.mean() - fake.mean()).item(),
        "accuracy/real": right_real,
        "accuracy/fake": right_fake,
        "accuracy/discriminator": (right_real + right_fake) / 2,
        "auc/discriminator": area_under_curve(real, fake),
        "logit_std/real": spread_real,
        "logit_std/fake": spread_fake,
    }
    return {**readings, "dispersion/logits": spread_fake / spread_real} if spread_real > 0 else readings


def area_under_curve(real: Tensor, fake: Tensor) -> float:
    """Share of all pairs whose real logit is the larger, ties a half; the area under the ROC curve: [N], [M] -> 0..1.

    >>> area_under_curve(torch.tensor([1.0, 3.0]), torch.tensor([1.0, 2.0]))
    0.625
    """
    difference = real[:, None] - fake[None, :]
    return (torch.sign(difference).mean().item() + 1) / 2
