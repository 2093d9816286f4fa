"""Mlp: fully connected players, for points and tiny images."""

import math
from typing import Literal

from pydantic import PositiveInt
from torch import nn

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


class Mlp(LabelledArchitecture):
    """Fully connected networks: Goodfellow et al. 2014, arXiv:1406.2661. Images are flattened, and leave through a tanh.

    Attributes:
        width: units of a hidden layer.
        depth: hidden layers of each network.
        activation: behind every hidden layer of both; "leaky_relu" has slope 0.2.
    """

    name: Literal["mlp"] = "mlp"
    width: PositiveInt = 128
    depth: PositiveInt = 3
    activation: Activation = "leaky_relu"
    norm_generator: Norm = "none"

    def build(self, spec: Spec) -> Networks:
        """Players for points (D,) or images (C, H, W) of any size."""
        return Networks(self.generator(spec), self.discriminator(spec))

    def generator(self, spec: Spec) -> Generator:
        """z -> `depth` hidden layers -> points as they are, images through a tanh."""
        bias = bias_before(self.norm_generator)
        n_hidden, n_classes = self.depth - 1, self.n_classes(spec)
        hidden = [hidden_layer(self.width, self.width, bias) for _ in range(n_hidden)]
        layers = [*hidden, glorot(nn.Linear(self.width, math.prod(spec.shape)))]
        norms = [ConditionalNorm(self.norm_generator, self.width, n_classes, points=True) for _ in layers]
        blocks = [
            PreActivation(norm, activation_layer(self.activation), layer) for norm, layer in zip(norms, layers, strict=True)
        ]
        is_image = len(spec.shape) == 3
        output = nn.Sequential(nn.Unflatten(1, spec.shape), ToImage()) if is_image else nn.Identity()
        return Generator(spec, hidden_layer(spec.z_dim, self.width, bias), blocks, output)

    def discriminator(self, spec: Spec) -> Discriminator:
        """Points or flattened images -> `depth` hidden layers -> logit."""
        n_in = (spec.shape[0] + self.n_planes(spec)) * math.prod(spec.shape[1:])
        body = nn.Sequential(nn.Flatten(), hidden_layer(n_in, self.width), activation_layer(self.activation))
        for _ in range(self.depth - 1):
            body.append(hidden_layer(self.width, self.width, bias_before(self.norm_discriminator)))
            body.append(plain_norm(self.norm_discriminator, self.width, points=True))
            body.append(activation_layer(self.activation))
        return self.judge(spec, body, self.width)
