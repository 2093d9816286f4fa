"""What a weight is multiplied by, given its norm sigma: the modes of spectral normalization."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


def to_coefficient(sigma: Tensor, coefficient: Tensor) -> Tensor:
    """c / sigma: the norm becomes c. A zero weight stays zero. Miyato et al. 2018, arXiv:1802.05957, eq. 8."""
    return coefficient / torch.where(sigma > 0, sigma, 1)


def at_most(sigma: Tensor, coefficient: Tensor) -> Tensor:
    """1 / max(1, sigma / c): the norm becomes at most c. Gouk et al. 2018, arXiv:1804.04368, eq. 8."""
    return to_coefficient(sigma, coefficient).clamp_max(1)


@dataclass(frozen=True)
class Mode:
    """How a weight is normalized.

    Attributes:
        factor: sigma and coefficient -> what the weight is multiplied by; None leaves the weight alone and only measures.
        learnable: the factor is multiplied by a parameter `weight_gain` of the layer, 1 at the start.
        keeps_initial: the coefficient is the norm that the weight has when normalization is applied.
        both_ways: sigma is the mean of the norms of the kernel read as output by rest and as input by rest.
    """

    factor: Callable[[Tensor, Tensor], Tensor] | None = to_coefficient
    learnable: bool = False
    keeps_initial: bool = False
    both_ways: bool = False


MODES = {
    "hard": Mode(),  # W c / sigma
    "soft": Mode(at_most),  # W / max(1, sigma / c): iResNet, Gouk et al.
    "gain": Mode(learnable=True),  # gamma W / sigma with gamma learnt: sigmaReparam, Zhai et al. 2023, arXiv:2303.06296
    "initial": Mode(keeps_initial=True),  # W sigma_0 / sigma: ViTGAN, Lee et al. 2021, arXiv:2107.04589
    "bidirectional": Mode(both_ways=True),  # W c / ((sigma_out + sigma_in) / 2): Lin et al. 2021, arXiv:2009.02773
    "measure": Mode(None),  # W
}
