"""The settings that all architectures share, and what follows from them for the label."""

from pydantic import NonNegativeInt, PositiveFloat
from torch import nn

from steadygan.networks.base import Architecture, Conditioning, Norm, Spec
from steadygan.networks.blocks import glorot
from steadygan.networks.discriminator import ClassifyingDiscriminator, Discriminator, Head, LabelPlanes

MOST_CONCATENATED = 16  # planes that `concat` spends on the label where `label_planes` does not say


class LabelledArchitecture(Architecture):
    """The settings that every architecture shares.

    Attributes:
        norm_generator, norm_discriminator: normalization of features. The discriminator's first layer is never normalized.
        conditioning: how the label of labelled data enters the discriminator. "projection": inner product with a class
            embedding; "concat": extra input planes; "ac": it does not, a method `classify` names the class; "none":
            labels are not used. Unless "none", the generator's normalization is class-conditional.
        projection_scale: factor on the projection term.
        label_planes: number of input planes that show the label to the discriminator, beside a projection too; 0 with
            "concat" takes one for each class, at most 16. Without effect under "ac" and "none".
    """

    norm_generator: Norm = "batch"
    norm_discriminator: Norm = "none"
    conditioning: Conditioning = "projection"
    projection_scale: PositiveFloat = 1.0
    label_planes: NonNegativeInt = 0

    def n_classes(self, spec: Spec) -> int:
        """K as the networks use it; 0 without labels or without conditioning."""
        return 0 if self.conditioning == "none" else spec.n_classes

    def n_planes(self, spec: Spec) -> int:
        """The number of label planes in front of the discriminator's body."""
        if self.conditioning == "ac" or not self.n_classes(spec):
            return 0
        default = min(spec.n_classes, MOST_CONCATENATED) if self.conditioning == "concat" else 0
        return self.label_planes or default

    def judge(self, spec: Spec, body: nn.Module, channels: int, n_positions: int = 1, bias: bool = True) -> Discriminator:
        """The discriminator whose `body` gives features [B, channels, ...]; `n_positions` as in `Head`."""
        n_classes, n_planes = self.n_classes(spec), self.n_planes(spec)
        n_projected = n_classes if self.conditioning == "projection" else 0
        head = Head(channels, n_positions, n_projected, self.projection_scale, bias)
        if n_classes and self.conditioning == "ac":
            return ClassifyingDiscriminator(body, head, glorot(nn.Linear(channels * n_positions, n_classes)))
        return Discriminator(body, head, LabelPlanes(n_classes, n_planes) if n_planes else None)
