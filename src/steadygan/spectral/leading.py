"""The largest few singular values of every weight, cheap enough to log: block power iteration, warm-started at each call."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from steadygan.spectral.matrix import Weight, weights

GUARD = 3  # extra vectors in the block: convergence is ruled by the first value outside of it
DEGREE = 8  # products with WW' between two looks at the residual
PATIENCE = 40  # looks
SEED = 20180216


class LeadingValues:
    """The k largest singular values of every weight of a network. Keeps the vectors, so that the next call starts from there.

    Subspace iteration with Rayleigh-Ritz (Golub & Van Loan 2013, section 8.2), accelerated by Chebyshev polynomials (Saad 2011,
    "Numerical methods for large eigenvalue problems", section 7.4), in the type and on the device of the weights. When the
    weights have moved little since the last call, one product with each weight and one with its transpose is all it takes.

    Every value is within `tolerance` times the largest of a singular value, and in practice far nearer: the error goes with the
    square of the residual that is tested. But for rounding, values are never too large.

    Args:
        k: how many of each weight.
        tolerance: of the residual |W v - s u|, relative to the largest value; at least 1e-5 for weights in float32.

    >>> top = LeadingValues(k=2)
    >>> top(nn.Sequential(nn.Linear(8, 8)))["0"].shape
    torch.Size([2])
    """

    def __init__(self, k: int = 3, tolerance: float = 1e-3) -> None:
        self.k, self.tolerance = k, tolerance
        self._blocks: dict[str, Tensor] = {}

    @torch.no_grad()
    def __call__(self, network: nn.Module) -> dict[str, Tensor]:
        """Label of each weight -> [min(k, M, N)] float64 on the CPU, the largest first; NaN where it is not finite."""
        found: dict[str, Tensor] = {}
        for weight in weights(network):
            found.update(zip(weight.labels, self._of(weight), strict=True))
        return found

    def _of(self, weight: Weight) -> Iterator[Tensor]:
        """The values of one weight, or of each block that is apart. The groups of a convolution make one map."""
        stack = weight.matrices(weight.value.detach())
        matrices = stack if stack.dtype == torch.float64 else stack.float()
        block = self._blocks.get(weight.name)
        if block is None or not fits(block, matrices):
            block = start(matrices, self.k)
        found = iterate(matrices, block, self.k, self.tolerance)
        self._blocks[weight.name] = found.block
        values = found.values.to("cpu", torch.float64)
        yield from values if weight.apart else (values.flatten().sort(descending=True).values[: values.shape[1]],)


@dataclass(frozen=True)
class Found:
    """Where an iteration ended.

    Attributes:
        values: [G, min(k, M, N)] singular values, the largest first; NaN for a matrix that is not finite.
        block: [G, min(M, N), b] orthonormal vectors on the smaller side, for the next call.
        converged: the residuals are within the tolerance.
    """

    values: Tensor
    block: Tensor
    converged: bool


def fits(block: Tensor, matrices: Tensor) -> bool:
    """Whether a block belongs to matrices of this shape, type and place."""
    shape = (len(matrices), min(matrices.shape[1:]))
    return block.shape[:2] == shape and block.dtype == matrices.dtype and block.device == matrices.device


def start(matrices: Tensor, k: int) -> Tensor:
    """Random orthonormal vectors, the same everywhere: [G, M, N] -> [G, S, b] with S = min(M, N), b = min(k + GUARD, S)."""
    groups, size = len(matrices), min(matrices.shape[1:])
    random = torch.randn(groups, size, min(k + GUARD, size), generator=torch.Generator().manual_seed(SEED), dtype=torch.float64)
    return orthonormal(random).to(matrices)


def orthonormal(columns: Tensor) -> Tensor:
    """An orthonormal basis: [G, S, b] -> [G, S, b]."""
    basis: Tensor = torch.linalg.qr(columns).Q
    return basis


def iterate(matrices: Tensor, block: Tensor, k: int, tolerance: float) -> Found:
    """Subspace iteration from `block` until the k first residuals are at most `tolerance`: [G, M, N], [G, S, b] -> Found."""
    scale = matrices.abs().amax((1, 2), keepdim=True)
    finite = torch.isfinite(scale)
    if not finite.all():
        matrices, scale = torch.where(finite, matrices, 0), torch.where(finite, scale, 0)
    scale = torch.where(scale > 0, scale, 1)  # the square of 1e-30 is zero in float32
    wide = matrices if matrices.shape[1] <= matrices.shape[2] else matrices.mT
    converged = False
    for look in range(PATIENCE):
        images = wide.mT @ (block / scale)
        squares, turns = torch.linalg.eigh((images.mT @ images).double())
        squares, turns = squares.flip(1).clamp_min(0), turns.flip(2).to(block)
        block, product = block @ turns, (wide @ (images / scale)) @ turns
        converged = bool((residuals(product, block, squares)[:, :k] <= tolerance).all())
        if converged or look == PATIENCE - 1:
            break
        block = orthonormal(damped(wide, scale, block, product, squares))
    values = squares[:, :k].sqrt() * scale.squeeze(2)
    return Found(torch.where(finite.squeeze(2), values, torch.nan), block, converged)


def residuals(product: Tensor, block: Tensor, squares: Tensor) -> Tensor:
    """|W v - s u| of each Ritz triplet over the largest s; a value is within this of a singular value: -> [G, b]."""
    values = squares.sqrt()
    lengths = (product - block * squares.unsqueeze(1).to(block)).double().norm(dim=1)
    found: Tensor = lengths / positive(values) / positive(values[:, :1])
    return found


def damped(wide: Tensor, scale: Tensor, block: Tensor, product: Tensor, squares: Tensor) -> Tensor:
    """T(WW') applied to the block, T a Chebyshev polynomial that is at most 1 below the smallest Ritz value and steep above it.

    Its degree is such that it raises no part by more than the rounding of the type allows to tell apart.
    """
    rounding = torch.finfo(block.dtype).eps
    cut = torch.maximum(squares[:, -1], rounding * squares[:, 0]).clamp_min(1e-300)
    steepest = math.acosh(max(float((2 * squares[:, 0] / cut - 1).amax()), 1 + 1e-6))
    degree = int(min(max(-math.log(1e2 * rounding) / steepest, 1), DEGREE))
    slope = (2 / cut)[:, None, None].to(block)
    before, now = block, slope * product - block
    for _ in range(degree - 1):
        before, now = now, 2 * (slope * (wide @ ((wide.mT @ (now / scale)) / scale)) - now) - before
    return now


def positive(values: Tensor) -> Tensor:
    """`values` with 1 where they are 0, to divide by."""
    return torch.where(values > 0, values, 1)
