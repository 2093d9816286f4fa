"""What the tests of spectral normalization take apart: layers of every kind, a small discriminator and its images."""

import io

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.nn.utils import spectral_norm as legacy_norm

from steadygan.spectral import MODES, native

TORCHS = {"parametrization": parametrizations.spectral_norm, "legacy": legacy_norm}
CHANGING = [mode for mode in MODES if mode != "measure"]  # the modes in which the weight that is read is not the stored one
LAYERS = {
    "linear": lambda: nn.Linear(7, 5),
    "embedding": lambda: nn.Embedding(9, 6),
    "conv1d": lambda: nn.Conv1d(3, 5, 3),
    "conv2d": lambda: nn.Conv2d(4, 6, 3, stride=2),
    "conv3d": lambda: nn.Conv3d(2, 4, 3),
    "grouped": lambda: nn.Conv2d(4, 6, 3, groups=2),
    "transposed": lambda: nn.ConvTranspose2d(6, 4, 4, stride=2),
}
INPUT_SHAPES = {  # for the layers whose weight torch takes for the same matrix as we do
    "linear": (3, 7),
    "conv1d": (3, 3, 8),
    "conv2d": (3, 4, 9, 9),
    "conv3d": (3, 2, 5, 5, 5),
    "transposed": (3, 6, 5, 5),
}


def network(seed: int = 6) -> nn.Sequential:
    """Four weights, one of them grouped, and smooth all over, as second derivatives need it: [B, 3, 5, 5] -> [B, 1]."""
    torch.manual_seed(seed)
    layers = nn.Conv2d(3, 6, 3), nn.Softplus(), nn.Conv2d(6, 4, 3, groups=2), nn.Softplus(), nn.Flatten()
    return nn.Sequential(*layers, nn.Linear(4, 8), nn.Softplus(), nn.Linear(8, 1))


def images(seed: int = 0, count: int = 4) -> Tensor:
    """The same for the same seed, whatever was drawn before: [B, 3, 5, 5]."""
    return torch.randn(count, 3, 5, 5, generator=torch.Generator().manual_seed(seed))


def penalty(net: nn.Module, inputs: Tensor) -> Tensor:
    """R1: E |d logit / d image|^2."""
    inputs = inputs.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(net(inputs).sum(), inputs, create_graph=True)
    return slope.square().flatten(1).sum(1).mean()


def tied() -> nn.Sequential:
    """Two layers of one weight: [B, 6] -> [B, 6]."""
    net = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6))
    net[1].weight = net[0].weight
    return net


def redraw(net: nn.Module) -> None:
    """Every parameter anew and in place, so that old singular vectors are of no use."""
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.normal_()


def saved(net: nn.Module) -> nn.Module:
    """A copy through `torch.save`."""
    file = io.BytesIO()
    torch.save(net, file)
    file.seek(0)
    twin: nn.Module = torch.load(file, weights_only=False)
    return twin


def build_or_skip() -> None:
    """Skip where the package was built without a C compiler: all goes the way that they are compared with."""
    if native.kernels() is None:
        pytest.skip("the kernels were not built: no C compiler")
