"""Mlp: fully connected players, for points and tiny images."""

import math
from typing import Literal

from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn

from steadygan.game import Networks
from steadygan.networks.base import Norm, Spec
from steadygan.networks.blocks import glorot
from steadygan.networks.discriminator import Discriminator
from steadygan.networks.generator import Generator, PreActivation, ToImage
from steadygan.networks.labelled import LabelledArchitecture
from steadygan.networks.norms import ConditionalNorm, bias_before, plain_norm

SLOPE = 0.2
Activation = Literal["relu", "leaky_relu", "tanh"]


def activation_layer(kind: Activation) -> nn.Module:
    """The activation as a layer; all three are 1-Lipschitz, so they keep a Lipschitz bound of the weights."""
    return {"relu": nn.ReLU(), "leaky_relu": nn.LeakyReLU(SLOPE), "tanh": nn.Tanh()}[kind]


def hidden_layer(n_in: int, n_out: int, bias: bool = True) -> nn.Linear:
    """A linear layer with He weights (He et al. 2015, arXiv:1502.01852) and torch's own random biases.

    The biases are left random on purpose: with zeros, all kinks of a ReLU layer on 2-D points run through the origin.
    """
    layer = nn.Linear(n_in, n_out, bias)
    nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
    return layer


class Times(nn.Module):
    """A constant factor: any shape -> same shape."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, features: Tensor) -> Tensor:
        """`features * factor`."""
        return features * self.factor


class Mlp(LabelledArchitecture):
    """Fully connected networks: Goodfellow et al. 2014, arXiv:1406.2661. Images are flattened, and leave through a tanh.

    Attributes:
        width: units of a hidden layer.
        depth_generator, depth_discriminator: hidden layers.
        activation_generator, activation_discriminator: behind every hidden layer; "leaky_relu" has slope 0.2.
        scale: the spread of points: the discriminator divides by it, the generator multiplies. 1 for images.
    """

    name: Literal["mlp"] = "mlp"
    width: PositiveInt = 128
    depth_generator: PositiveInt = 3
    depth_discriminator: PositiveInt = 3
    activation_generator: Activation = "relu"
    activation_discriminator: Activation = "leaky_relu"
    scale: PositiveFloat = 1.0
    norm_generator: Norm = "none"

    def build(self, spec: Spec) -> Networks:
        """Players for points (D,) or images (C, H, W) of any size."""
        return Networks(self.generator(spec), self.discriminator(spec))

    def generator(self, spec: Spec) -> Generator:
        """z -> hidden layers -> points times `scale`, images through a tanh."""
        bias = bias_before(self.norm_generator)
        n_hidden, n_classes = self.depth_generator - 1, self.n_classes(spec)
        hidden = [hidden_layer(self.width, self.width, bias) for _ in range(n_hidden)]
        layers = [*hidden, glorot(nn.Linear(self.width, math.prod(spec.shape)))]
        norms = [ConditionalNorm(self.norm_generator, self.width, n_classes, points=True) for _ in layers]
        blocks = [
            PreActivation(norm, activation_layer(self.activation_generator), layer)
            for norm, layer in zip(norms, layers, strict=True)
        ]
        is_image = len(spec.shape) == 3
        output = nn.Sequential(nn.Unflatten(1, spec.shape), ToImage()) if is_image else Times(self.scale)
        return Generator(spec, hidden_layer(spec.z_dim, self.width, bias), blocks, output)

    def discriminator(self, spec: Spec) -> Discriminator:
        """Points over `scale`, or flattened images -> hidden layers -> logit."""
        n_in = (spec.shape[0] + self.n_planes(spec)) * math.prod(spec.shape[1:])
        first = (hidden_layer(n_in, self.width), activation_layer(self.activation_discriminator))
        body = nn.Sequential(nn.Flatten(), Times(1 / self.scale), *first)
        for _ in range(self.depth_discriminator - 1):
            body.append(hidden_layer(self.width, self.width, bias_before(self.norm_discriminator)))
            body.append(plain_norm(self.norm_discriminator, self.width, points=True))
            body.append(activation_layer(self.activation_discriminator))
        return self.judge(spec, body, self.width)
