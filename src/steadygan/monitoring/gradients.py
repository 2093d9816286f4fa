"""InputGradient: how steep the discriminator is at the images, which is all that the generator ever learns from."""

from typing import Literal

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from steadygan.game import Batch, Networks, judged
from steadygan.monitoring.base import Probe
from steadygan.monitoring.quiet import Quiet


class InputGradient(Probe):
    """Mean length of d logit / d image, per image, at fake and at real images.

    `grad_norm/fake_images` times the slope of the loss is what reaches the generator; near 0 it starves. Large values at
    `grad_norm/real_images` are the sharp discriminator that R1 and DRAGAN act against (Kodali et al. 2017, arXiv:1705.07215).
    In logits a unit of image, so comparable within a run but not between losses.

    Attributes:
        n: images of each side, or as many as the batch has. A way back through the discriminator costs more than anything else
            that is measured, and a mean length is known well enough from a few.
    """

    name: Literal["input_gradient"] = "input_gradient"
    n: PositiveInt = 16

    def measure(self, networks: Networks, batch: Batch) -> dict[str, float]:
        """Both mean norms, at least 0."""
        discriminator = Quiet(networks.discriminator)
        sides = {"fake": (batch.fake, batch.fake_label), "real": (batch.real, batch.label)}
        return {
            f"grad_norm/{side}_images": input_gradient_norm(discriminator, *first(self.n, images, label)).mean().item()
            for side, (images, label) in sides.items()
        }


def first(n: int, images: Tensor, label: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """The first n images with their classes."""
    return images[:n], None if label is None else label[:n]


@torch.enable_grad()
def input_gradient_norm(discriminator: nn.Module, images: Tensor, label: Tensor | None) -> Tensor:
    """Norm of d logit / d image, one per sample: [B, C, H, W] -> [B]."""
    images = images.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(judged(discriminator, images, label).sum(), images)
    norm: Tensor = torch.linalg.vector_norm(gradient.flatten(1), dim=1)
    return norm
