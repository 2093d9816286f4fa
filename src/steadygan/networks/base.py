"""Architecture: builds the generator and the discriminator that fit a data set."""

from typing import Literal

from pydantic import NonNegativeInt, PositiveInt

from steadygan.game import Networks
from steadygan.parts import Part, Settings

Norm = Literal["none", "batch", "layer", "group", "instance"]
Conditioning = Literal["projection", "concat", "ac", "none"]


class Spec(Settings):
    """What the data demands of the networks.

    Attributes:
        shape: of one example: (C, H, W) for images, (D,) for points.
        n_classes: 0 without labels.
        z_dim: length of the latent.
    """

    shape: tuple[PositiveInt, ...]
    n_classes: NonNegativeInt = 0
    z_dim: PositiveInt = 128


class Architecture(Part):
    """Builds both players for a data set. Initial weights come from torch's global random state: seed it first."""

    def build(self, spec: Spec) -> Networks:
        """A new generator and discriminator for `spec`.

        Raises:
            ConfigError: this architecture cannot serve that shape.
        """
        raise NotImplementedError
