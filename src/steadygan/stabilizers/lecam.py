"""LeCam regularization: the logits of each side are drawn to where those of the other have been."""

from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field, NonNegativeFloat
from torch import Tensor, nn

from steadygan.errors import NetworkError
from steadygan.game import Batch, Networks, judged_both
from steadygan.stabilizers.base import Stabilizer

BUFFER = "lecam_sums"  # in the discriminator: decayed sums of the mean real logit, of the mean fake logit, and of 1


def squared_distances(real_logits: Tensor, fake_logits: Tensor, anchors: Tensor) -> Tensor:
    """mean max(D(real) - anchor of fake, 0)^2 + mean max(anchor of real - D(fake), 0)^2: [B], [B], [2] -> scalar, at least 0.

    >>> squared_distances(torch.tensor([3.0, -9.0]), torch.tensor([0.0]), anchors=torch.tensor([2.0, 1.0]))
    tensor(6.)
    """
    of_real, of_fake = anchors
    return F.relu(real_logits - of_fake).square().mean() + F.relu(of_real - fake_logits).square().mean()


@torch.no_grad()
def moved_anchors(sums: Tensor, real_logits: Tensor, fake_logits: Tensor, decay: float) -> Tensor:
    """Enter one batch into `sums`, in place; -> the averages of real and of fake logits [2], unbiased from the first batch on.

    With the sum of the weights beside those of the logits, the quotient is a mean whose weights add up to 1 at any time.
    """
    means = torch.stack([real_logits.mean(), fake_logits.mean()]).to(sums)
    sums.mul_(decay).add_(F.pad(means, (0, 1), value=1.0))
    return sums[:2] / sums[2]


class LeCam(Stabilizer):
    """Logits drawn to a moving average of those of the other side. Tseng et al. 2021, arXiv:2104.03310.

    Adds weight * (mean |D(real) - a_fake|^2 + mean |D(fake) - a_real|^2), a_real and a_fake the moving averages of the logits
    of real and of fake images, this batch included. It is meant for little data, where a discriminator that knows its images
    by heart drives the two apart; with the Wasserstein loss and still anchors the optimum is a LeCam divergence.

    What we do differently from the paper: a real logit below a_fake, or a fake one above a_real, pays nothing, as in the
    authors' code. Their code for CIFAR waits for 1000 steps; here, as in their code for StyleGAN2, the averages are unbiased
    from the first batch on, and the penalty acts from the first step.

    Attributes:
        weight: of both squared distances; the authors' for CIFAR. 0 turns it off.
        decay: share of an average that is left after one update of the discriminator.
    """

    name: Literal["lecam"] = "lecam"
    weight: NonNegativeFloat = 0.3
    decay: float = Field(default=0.99, ge=0, lt=1)

    def prepare(self, networks: Networks) -> None:
        """Give the discriminator the buffer that holds the averages, so that checkpoints do."""
        networks.discriminator.register_buffer(BUFFER, torch.zeros(3))

    def penalty(self, discriminator: nn.Module, batch: Batch) -> Tensor | None:
        """weight * squared distances to the other side's anchor -> scalar, at least 0. Moves the anchors.

        Raises:
            NetworkError: `prepare` was never called on this discriminator.
        """
        if not self.weight:
            return None
        sums = dict(discriminator.named_buffers(recurse=False)).get(BUFFER)
        if sums is None:
            problem = f"stabilizers: 'lecam' keeps its averages in the discriminator's buffer {BUFFER!r}, there is none"
            raise NetworkError(problem, "call prepare(networks) once, before the optimizers are made")
        real, fake = judged_both(discriminator, batch)
        return self.weight * squared_distances(real, fake, moved_anchors(sums, real, fake, self.decay))
