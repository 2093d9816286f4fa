"""Stabilizer: something that keeps the game steady. Four verbs, each of which does nothing by default."""

from torch import Tensor, nn

from steadygan.game import Batch, Networks
from steadygan.parts import Part


class Stabilizer(Part):
    """One method that steadies training. The training step calls each verb at its moment; state lives in the networks.

    `prepare` once, before the optimizers are made; `transform` on whatever the discriminator is about to see; `penalty` and
    `generator_penalty` beside the loss of that player; `project` and `project_generator` right after its optimizer's step.
    """

    def prepare(self, networks: Networks) -> None:
        """Change the networks themselves, once, before training."""

    def transform(self, images: Tensor, batch: Batch) -> Tensor:
        """What the discriminator sees in place of `images`, real and fake alike: same shape."""
        return images

    def penalty(self, discriminator: nn.Module, batch: Batch) -> Tensor | None:
        """A term of the discriminator's loss: scalar, or None where this step has none."""
        return None

    def generator_penalty(self, networks: Networks, batch: Batch) -> Tensor | None:
        """A term of the generator's loss: scalar, or None where this step has none."""
        return None

    def project(self, discriminator: nn.Module, step: int) -> None:
        """Bring the discriminator's weights back to where they may be, after its update."""

    def project_generator(self, generator: nn.Module, step: int) -> None:
        """The same for the generator, after its update."""
