"""CriticSlope: how steep the discriminator is found to be, a lower bound of its Lipschitz constant."""

from typing import ClassVar, Literal

import torch
from pydantic import PositiveInt
from torch import Tensor

from steadygan.game import Batch, Networks
from steadygan.monitoring.base import Probe
from steadygan.monitoring.gradients import first, input_gradient_norm
from steadygan.monitoring.quiet import Quiet

SEED = 20_170_331  # of the places on the lines: alike at every reading


class CriticSlope(Probe):
    """Length of d logit / d image at reals, at fakes and at a random point on the line between each pair of them.

    `slope/largest` is the measured Lipschitz constant: no smaller one is possible, a larger one is. `slope/mean` is the mean of
    the same lengths: a critic that is to be 1-Lipschitz and to estimate a Wasserstein distance should have slope 1 nearly
    everywhere on the lines (Gulrajani et al. 2017, arXiv:1704.00028, proposition 1), and one whose layers are normalized one
    by one can be far flatter. In logits a unit of image. It costs three ways back through the discriminator, so it must be
    asked for.

    A point between two classes is judged as the class of its real end, as by `wgan_gp`. Where samples see each other, as
    under batch norm, the lengths are of the gradient of a whole side's sum.

    Attributes:
        n: reals, fakes and lines, or as many as the batch has.
    """

    full_precision: ClassVar[bool] = True

    name: Literal["critic_slope"] = "critic_slope"
    n: PositiveInt = 64

    def measure(self, networks: Networks, batch: Batch) -> dict[str, float]:
        """Both readings, at least 0."""
        discriminator, n = Quiet(networks.discriminator), min(self.n, len(batch.real), len(batch.fake))
        real, label = first(n, batch.real, batch.label)
        fake, fake_label = first(n, batch.fake, batch.fake_label)
        sides = ((real, label), (fake, fake_label), (between(real, fake), label))
        lengths = torch.cat([input_gradient_norm(discriminator, *side) for side in sides])
        return {"slope/largest": lengths.max().item(), "slope/mean": lengths.mean().item()}


def between(real: Tensor, fake: Tensor) -> Tensor:
    """A point on the line between each real and its fake, at places drawn alike each time: [B, ...], [B, ...] -> [B, ...]."""
    share = torch.rand(len(real), generator=torch.Generator().manual_seed(SEED)).to(real)
    return torch.lerp(fake.to(real), real, share.reshape(-1, *[1] * (real.dim() - 1)))
