"""The frame of every generator: z enters through a stem, the label through the blocks."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from steadygan.networks.base import Spec
from steadygan.networks.blocks import full_precision, glorot
from steadygan.networks.norms import ConditionalNorm


class Stem(nn.Module):
    """The linear layer from z to the first square of features: [B, Z] -> [B, C, S, S]."""

    def __init__(self, z_dim: int, channels: int, size: int) -> None:
        super().__init__()
        self.shape = (size, size, channels)
        self.linear = glorot(nn.Linear(z_dim, channels * size * size))

    def forward(self, z: Tensor) -> Tensor:
        """[B, Z] -> [B, C, S, S], laid out channels-last at no cost."""
        features: Tensor = self.linear(z)
        return features.reshape(-1, *self.shape).permute(0, 3, 1, 2)


class PreActivation(nn.Module):
    """Normalization, activation, layer: the step of plain generators and the last one of residual generators."""

    def __init__(self, norm: ConditionalNorm, activation: nn.Module, layer: nn.Module) -> None:
        super().__init__()
        self.norm, self.activation, self.layer = norm, activation, layer

    def forward(self, features: Tensor, label: Tensor | None = None) -> Tensor:
        """Features [B, C, ...], [B] -> features of the layer."""
        changed: Tensor = self.layer(self.activation(self.norm(features, label)))
        return changed


class ToImage(nn.Module):
    """Tanh, taken in full precision: any shape -> same shape, float32 in [-1, 1]."""

    def forward(self, features: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, H, W] in [-1, 1]."""
        return torch.tanh(full_precision(features))


class Generator(nn.Module):
    """`(z [B, Z], label [B] or None) -> fake [B, C, H, W]` in [-1, 1]; points [B, D] of any range.

    Args:
        spec: what it is built for; gives `z_dim`.
        stem: z -> features.
        blocks: each `(features, label) -> features`.
        output: features -> images or points.
    """

    def __init__(self, spec: Spec, stem: nn.Module, blocks: Iterable[nn.Module], output: nn.Module) -> None:
        super().__init__()
        self.z_dim = spec.z_dim
        self.stem, self.blocks, self.output = stem, nn.ModuleList(blocks), output

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """[B, Z], [B] -> [B, C, H, W] or [B, D]. Raises NetworkError where a class-conditional one gets no label."""
        features = self.stem(z)
        for block in self.blocks:
            features = block(features, label)
        fake: Tensor = self.output(features)
        return fake
