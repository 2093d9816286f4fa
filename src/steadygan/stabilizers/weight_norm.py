"""Weight normalization: every output's weights as a length times a direction, each learnt by itself."""

from typing import Literal

from torch import nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils import parametrizations, parametrize
from torch.nn.utils.parametrizations import _WeightNorm

from steadygan.errors import ConfigError
from steadygan.game import Networks
from steadygan.spectral import SpectralNorm, Weight, weights
from steadygan.stabilizers.base import Stabilizer


def normalizable(module: nn.Module) -> list[Weight]:
    """The weights of all linear and (transposed) convolution layers in `module`, in its own order."""
    return [weight for weight in weights(module) if isinstance(weight.layer, nn.Linear | _ConvNd)]


def has_weight_norm(module: nn.Module) -> bool:
    """Whether any weight in `module` is a length times a direction."""
    return any(isinstance(part, _WeightNorm) for part in module.modules())


def impossible_pair() -> ConfigError:
    """What is wrong with weight norm and spectral norm on one player."""
    problem = "stabilizers: 'weight_norm' and 'spectral_norm' cannot be on one player: both hold the scale of its weights"
    return ConfigError(problem, "keep one of them; spectral_norm is the one that bounds the slope")


class WeightNormalization(Stabilizer):
    """Every row w of the discriminator's weights as g v / |v|. Salimans & Kingma 2016, arXiv:1602.07868, eq. 2.

    A row is what leads to one output: of a linear layer, or of a convolution's kernel. v starts as the row and g as its
    length, so the network computes at the start what it did without. g is free: unlike `spectral_norm` this bounds no slope.
    Cannot be on one player with `spectral_norm`, because both hold the scale of the same weights.

    What we do differently from the paper: the start above, which is torch's, instead of one that whitens the outputs on a
    first batch (section 3). Transposed convolutions in groups have one length for the like outputs of all groups.
    """

    name: Literal["weight_norm"] = "weight_norm"

    def prepare(self, networks: Networks) -> None:
        """Take all linear and convolution weights apart into lengths and directions.

        Raises:
            ConfigError: a weight is normalized already, or a row is zero and so has no direction.
        """
        if SpectralNorm.of(networks.discriminator).layers:
            raise impossible_pair()
        chosen = normalizable(networks.discriminator)
        if any(parametrize.is_parametrized(weight.layer, weight.parameter) for weight in chosen):
            problem = "stabilizers: 'weight_norm' finds weights that are parametrized already"
            raise ConfigError(problem, "name it once, and give it a network without torch's own parametrizations")
        for weight in chosen:
            if not weight.matrices(weight.value).any(2).all():
                problem = f"stabilizers: 'weight_norm' needs a direction for each row, and {weight.name!r} has a row of zeros"
                raise ConfigError(problem, "initialize the layer otherwise, or leave the stabilizer out")
            parametrizations.weight_norm(weight.layer, weight.parameter, dim=1 if weight.transposed else 0)
