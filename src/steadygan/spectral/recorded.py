"""The normalized weight in a graph that a compiler optimizes: one matrix divided by its norm."""

from typing import Any

import torch
from torch import Tensor


class Divided(torch.autograd.Function):
    """W [M, *], u [M], v [N], coefficient c -> W c / sigma with sigma = u'Wv, and the gradient of Miyato et al. 2018,
    arXiv:1802.05957, eq. 12, u and v being constant.

    Autograd's own way would cost more here. It keeps W for the backward pass, which needs W c / sigma anyway, and a compiler
    that lays convolutions' weights out channels-last then turns both over; and the gradient of a matrix product is a matrix
    product, which no compiler merges with the division's.
    """

    @staticmethod
    def forward(weight: Tensor, u: Tensor, v: Tensor, coefficient: Tensor) -> Tensor:
        """One product with the weight, one pass over it."""
        return weight * factor_of(weight, u, v, coefficient)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        """Keep the normalized weight, and what is small."""
        weight, u, v, coefficient = inputs
        ctx.save_for_backward(output, u, v, coefficient, factor_of(weight, u, v, coefficient))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        """(g - <g, W_sn> / c * uv') c / sigma."""
        result, u, v, coefficient, factor = ctx.saved_tensors
        share = (gradient * result).sum() / coefficient
        outer = (u.unsqueeze(1) * v.unsqueeze(0)).view(gradient.shape)
        return (gradient - share * outer) * factor, None, None, None


def factor_of(weight: Tensor, u: Tensor, v: Tensor, coefficient: Tensor) -> Tensor:
    """c / sigma, or c for a weight that is zero."""
    sigma = torch.mm(u.unsqueeze(0), weight.flatten(1)).squeeze(0).dot(v)
    return coefficient / torch.where(sigma > 0, sigma, 1)
