"""What the tests of spectral normalization read of a network, and how they compare it."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from steadygan.spectral import SpectralNorm, weights


def norms(net: nn.Module) -> list[float]:
    """Exact norms of the weights as anybody reads them: of each block where the blocks are apart, else of the largest."""
    found: list[float] = []
    for one in weights(net):
        each = torch.linalg.matrix_norm(one.matrices(one.value.detach().double()), 2)
        found += each.tolist() if one.apart else [float(each.amax())]
    return found


def normalized_norms(net: nn.Module) -> list[float]:
    """Exact norm of each normalized weight as its layer's own forward pass gets it; what `norms` reads is on loan."""
    read = [(one, one.read().detach().double().cpu()) for one in SpectralNorm.of(net).weights]
    return [float(torch.linalg.matrix_norm(one.weight.matrices(value), 2).amax()) for one, value in read]


def gradients(net: nn.Module) -> list[Tensor]:
    """Copies of those that are there."""
    return [parameter.grad.clone() for parameter in net.parameters() if parameter.grad is not None]


def equal(ones: Iterable[Tensor], others: Iterable[Tensor]) -> bool:
    """To the last bit."""
    return all(torch.equal(one, other) for one, other in zip(ones, others, strict=True))


def close(ones: Iterable[Tensor], others: Iterable[Tensor]) -> bool:
    """Equal but for the order of float32 sums."""
    return all(torch.allclose(one, other, rtol=1e-4, atol=1e-6) for one, other in zip(ones, others, strict=True))
