"""The game: the two players, and the batch both are judged on. Every family of parts speaks in these two types."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from steadygan.errors import NetworkError


@dataclass(frozen=True)
class Networks:
    """The two players.

    Attributes:
        generator: `(z [B, Z], label [B] or None) -> fake [B, C, H, W]` in [-1, 1] (points: `[B, D]`).
        discriminator: `(images [B, C, H, W], label [B] or None) -> logits [B]`.
    """

    generator: nn.Module
    discriminator: nn.Module


@dataclass(frozen=True)
class Batch:
    """What one discriminator update is judged on.

    Attributes:
        real, fake: `[B, C, H, W]` float32 in [-1, 1] (points: `[B, D]`, any range), as the discriminator sees them.
        label, fake_label: `[B]` int64, the classes of `real` and `fake`; None without classes.
        step: the generator update this belongs to, from 0.
        random: the source of every random draw that a stabilizer makes.
        heldout: real images that were never trained on; only probes look at them. `heldout_label` are their classes.
        z: `[B, Z]` the latents behind `fake`, where someone needs them.
        averaged: `[B, C, H, W]` what the averaged generator makes of the same latents and classes; for probes.
        live: the real images that training saw last, as many as a probe may want; for probes. `live_label` are their classes.
        reference: `[N, C, H, W]` a larger sample of the real images, the same at every reading; for probes.
            `reference_label` are their classes.
        memory: what a probe leaves there under its own name is there at the next reading, also after a checkpoint; numbers,
            words, lists and mappings only.
        made: the same for what can be made anew from the rest, such as features of `reference`: anything, in no checkpoint.
        logits: the discriminator's on `real` and on `fake`, `[B]` each, with their gradient, where the step has them already.
        loss: the discriminator's loss of such a pair of logits, -> scalar; None outside its step.
    """

    real: Tensor
    fake: Tensor
    label: Tensor | None
    fake_label: Tensor | None
    step: int
    random: torch.Generator
    heldout: Tensor | None = None
    z: Tensor | None = None
    heldout_label: Tensor | None = None
    averaged: Tensor | None = None
    live: Tensor | None = None
    reference: Tensor | None = None
    memory: dict[str, Any] = field(default_factory=dict)
    reference_label: Tensor | None = None
    live_label: Tensor | None = None
    made: dict[str, Any] = field(default_factory=dict)
    logits: tuple[Tensor, Tensor] | None = None
    loss: Callable[[Tensor, Tensor], Tensor] | None = None


def judged(discriminator: nn.Module, images: Tensor, label: Tensor | None) -> Tensor:
    """Logits of `images`, with the contract of shapes enforced: -> [B]. `[B, 1] - [B]` would broadcast in silence."""
    logits: Tensor = discriminator(images, label)
    if logits.shape != (len(images),):
        found, expected = list(logits.shape), [len(images)]
        raise NetworkError(f"discriminator: logits must be [B] = {expected}, got {found}", "return logits.flatten()")
    return logits


def judged_both(discriminator: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """Logits of the batch's real and fake images, those of the step where it has them: -> [B], [B], float32.

    A gradient reaches the discriminator, and never what made the fakes.
    """
    if batch.logits is not None:
        return batch.logits
    real, fake = (judged(discriminator, *side) for side in ((batch.real, batch.label), (batch.fake.detach(), batch.fake_label)))
    return real.float(), fake.float()
