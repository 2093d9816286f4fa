"""Normalization of features: the knob `norm=` of every architecture, and its class-conditional form in generators."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from steadygan.errors import ConfigError, NetworkError
from steadygan.networks.base import Norm

CHANNELS_PER_GROUP = 16  # Wu & He 2018, arXiv:1803.08494, table 3: as good as any, and it scales down to narrow networks


def plain_norm(kind: Norm, channels: int, affine: bool = True, points: bool = False) -> nn.Module:
    """The normalization `kind` for features [B, C, H, W], or [B, C] where `points`; identity for "none".

    Batch: Ioffe & Szegedy 2015, arXiv:1502.03167. Layer: Ba et al. 2016, arXiv:1607.06450 (over C, H and W together, with a
    scale per channel). Group: Wu & He 2018, arXiv:1803.08494. Instance: Ulyanov et al. 2016, arXiv:1607.08022.
    """
    match kind:
        case "none":
            return nn.Identity()
        case "batch":
            return (nn.BatchNorm1d if points else nn.BatchNorm2d)(channels, affine=affine)
        case "layer":
            return nn.GroupNorm(1, channels, affine=affine)
        case "group":
            return nn.GroupNorm(n_groups(channels), channels, affine=affine)
    if points:
        raise ConfigError("network: instance norm averages over pixels, and points have none", "use norm batch or layer")
    return nn.InstanceNorm2d(channels, affine=affine)


def n_groups(channels: int) -> int:
    """The number of groups of about 16 channels that divides `channels`; never more than one group per 16.

    >>> [n_groups(channels) for channels in (8, 24, 48, 100, 256)]
    [1, 1, 3, 5, 16]
    """
    return next(groups for groups in range(max(1, channels // CHANNELS_PER_GROUP), 0, -1) if channels % groups == 0)


def bias_before(kind: Norm) -> bool:
    """Whether a layer that feeds norm `kind` needs a bias: batch and instance norm subtract it again."""
    return kind not in ("batch", "instance")


def checked_label(label: Tensor | None, n_examples: int, where: str) -> Tensor:
    """`label` if it is one class for each example, [B]; a `[B, 1]` would broadcast in silence.

    Raises:
        NetworkError: there is no label, or it has another shape.
    """
    if label is None:
        raise NetworkError(f"{where}: it is class-conditional and got no label", "pass label [B] int64")
    if label.shape != (n_examples,):
        raise NetworkError(f"{where}: label must be [B] = [{n_examples}], got {list(label.shape)}", "pass label.flatten()")
    return label


class ConditionalNorm(nn.Module):
    """Any normalization, followed by a scale and a shift of each channel that belong to the class.

    With batch norm this is conditional batch norm: Dumoulin et al. 2017, arXiv:1610.07629; de Vries et al. 2017,
    arXiv:1707.00683; in GANs Miyato & Koyama 2018, arXiv:1802.05637. With `n_classes` 0 it is the plain normalization. Scale
    and shift are bare parameters, as in any normalization, and not embeddings: they act on single channels, so there is no
    matrix whose largest singular value could mean something.

    Args:
        kind: which normalization.
        channels: C of the features.
        n_classes: K; 0 for the unconditional form.
        points: whether features are [B, C] and not [B, C, H, W].
    """

    def __init__(self, kind: Norm, channels: int, n_classes: int = 0, points: bool = False) -> None:
        super().__init__()
        self.n_classes = n_classes
        self.normalize = plain_norm(kind, channels, affine=n_classes == 0, points=points)
        if n_classes:
            self.scale = nn.Parameter(torch.ones(n_classes, channels))
            self.shift = nn.Parameter(torch.zeros(n_classes, channels))

    def forward(self, features: Tensor, label: Tensor | None = None) -> Tensor:
        """Normalized features: [B, C, ...], [B] -> [B, C, ...] of the same dtype."""
        normalized: Tensor = self.normalize(features)
        if not self.n_classes:
            return normalized
        label = checked_label(label, len(features), "generator")
        shape = (len(features), -1) + (1,) * (features.dim() - 2)
        scale, shift = (F.embedding(label, table).to(normalized.dtype).reshape(shape) for table in (self.scale, self.shift))
        return torch.addcmul(shift, normalized, scale)
