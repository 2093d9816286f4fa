"""Auxiliary classifier: the discriminator also names the class, and the generator is paid for images that it names right."""

from typing import Literal, Protocol, cast, runtime_checkable

import torch.nn.functional as F
from pydantic import PositiveFloat
from torch import Tensor, nn

from steadygan.errors import ConfigError, NetworkError
from steadygan.game import Batch, Networks
from steadygan.stabilizers.base import Stabilizer


@runtime_checkable
class Classifier(Protocol):
    """A discriminator that also names classes."""

    def classify(self, images: Tensor) -> Tensor:
        """Class scores before the softmax: [B, C, H, W] -> [B, K]."""
        ...


def class_loss(discriminator: nn.Module, images: Tensor, label: Tensor | None) -> Tensor:
    """Mean cross-entropy of the named classes against `label`: [B, C, H, W], [B] -> scalar, log K for a blind one."""
    if label is None:
        raise ConfigError("stabilizers: 'auxiliary_classifier' needs classes, the data has no labels", "leave it out")
    return F.cross_entropy(cast(Classifier, discriminator).classify(images).float(), label)


class AuxiliaryClassifier(Stabilizer):
    """AC-GAN's cross-entropy for both players. Odena et al. 2017, arXiv:1610.09585, eqs. 2 and 3.

    What we do differently from the paper: the weights of the two players' terms can be set, and the discriminator's may be
    taken on real images alone. On fake ones it rewards images that are easy to name, at the cost of variety within a class.

    Attributes:
        weight, generator_weight: of the cross-entropy in the discriminator's and in the generator's loss.
        on_fake: whether the discriminator also learns from fake images, as in the paper.
    """

    name: Literal["auxiliary_classifier"] = "auxiliary_classifier"
    weight: PositiveFloat = 1.0
    generator_weight: PositiveFloat = 1.0
    on_fake: bool = True

    def prepare(self, networks: Networks) -> None:
        """Check that the discriminator can name classes.

        Raises:
            NetworkError: it has no `classify`.
        """
        if not isinstance(networks.discriminator, Classifier):
            found = type(networks.discriminator).__name__
            problem = f"stabilizers: 'auxiliary_classifier' needs discriminator.classify(images) -> [B, K], {found} has none"
            raise NetworkError(problem, "give it labelled data and conditioning 'ac' in the network, or leave it out")

    def penalty(self, discriminator: nn.Module, batch: Batch) -> Tensor | None:
        """weight * cross-entropy on real, and on fake where asked -> scalar, at least 0."""
        loss = class_loss(discriminator, batch.real, batch.label)
        if self.on_fake:
            loss = loss + class_loss(discriminator, batch.fake.detach(), batch.fake_label)
        return self.weight * loss

    def generator_penalty(self, networks: Networks, batch: Batch) -> Tensor | None:
        """generator_weight * cross-entropy on fake, with the gradient into the generator -> scalar, at least 0."""
        return self.generator_weight * class_loss(networks.discriminator, batch.fake, batch.fake_label)
