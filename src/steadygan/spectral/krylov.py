"""The norm of a linear map that is only known by its products: block Lanczos iterations, restarted where memory ends."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from steadygan.errors import NetworkError
from steadygan.spectral.maps import LayerMap, smaller_side

WIDTH = 2  # vectors in a block
TOLERANCE = 2e-6  # of the residual of A'A, relative: sigma is within half of that of a singular value
SURE = 6  # blocks before a small residual counts
PATIENCE = {torch.float32: 200, torch.float64: 1000}  # blocks
ENTRIES = 1 << 26  # numbers in the basis, 512 MB
MOST, LEAST = 24, 10  # vectors in the basis; with 48 there are 5 % fewer iterations, each twice as long
SEED = 20180216


def largest_singular_value(map_of: Callable[[Tensor], LayerMap], weight: Tensor) -> float:
    """The norm of a map, to a relative error of 1e-6 at most: a singular value is this near, and it is the largest one.

    The second half is almost sure, not certain. A random start misses the largest value only if it has next to nothing of that
    one's vectors: less than 1e-4 of its mean in both vectors of a block has the probability 1e-8, and 1e-4 of the mean costs
    no more than a few further iterations. Nor is a small residual believed at once: where nearly all singular values are equal,
    a random vector has one, and it is the residual itself that leads to the others.

    On a CPU a search in float32 comes first, at 2 to 20 times the speed. Iterations in float64 start at what it found, and from
    a random vector of their own; they alone decide. The error is about the squared residual over the gap to the next value.

    Args:
        map_of: weight -> its map.
        weight: float64, of the order of 1.
    """
    one = smaller_side(map_of(weight))
    source = torch.Generator().manual_seed(SEED)
    random = torch.randn(WIDTH + 1, math.prod(one.input_shape), generator=source, dtype=torch.float64, device="cpu")
    start = random.to(weight.device)
    if weight.device.type == "cpu":  # on a GPU the user may have allowed convolutions with three digits
        found = iterated(smaller_side(map_of(weight.float())), start[:WIDTH].float())[1]
        start = torch.cat([found.double(), start[WIDTH:]])
    value, _, residual = iterated(one, start)
    if residual > TOLERANCE:
        many = PATIENCE[weight.dtype]
        raise NetworkError(f"operator norm: no convergence after {many} iterations, the residual is {residual:.1e}")
    return value


def iterated(one: LayerMap, start: Tensor) -> tuple[float, Tensor, float]:
    """Iterate from a block [b, N]: -> (largest singular value, leading right vectors [WIDTH, N], residual over its square)."""
    found = Krylov.starting(start)
    tolerance = max(TOLERANCE, 100 * torch.finfo(start.dtype).eps)
    for step in range(PATIENCE[start.dtype]):
        found.extend(one)
        value, residual = found.largest()
        if (residual <= tolerance and step >= SURE) or not len(found.block):
            break
        found.make_room()
    return math.sqrt(value), found.vectors(WIDTH), residual


@dataclass
class Krylov:
    """An orthonormal basis Q, the next block B of it, and the projection H of P = A'A: P Q = Q H + (couplings) B.

    Attributes:
        basis: Q as rows [most, N], of which the first `count` are in use.
        projected: H [most, most] float64.
        block: B [b, N], orthogonal to Q.
        couplings: [b, b'] float64, how P of the last b' rows of Q reaches into B.
        count: rows of Q.
    """

    basis: Tensor
    projected: Tensor
    block: Tensor
    couplings: Tensor
    count: int = 0

    @classmethod
    def starting(cls, start: Tensor) -> "Krylov":
        """An empty basis with room for as many vectors as there are dimensions, or as memory allows."""
        size = start.shape[1]
        most = min(size, max(LEAST, min(MOST, ENTRIES // size))) + len(start)
        block, couplings = orthonormal(start, start[:0], float(start.norm()))
        return cls(start.new_empty(most, size), couplings.new_zeros(most, most), block, couplings[:, :0])

    def extend(self, one: LayerMap) -> None:
        """Take B into the basis, and make the next one orthogonal to all of it."""
        old, self.count = self.count, self.count + len(self.block)
        self.basis[old : self.count] = self.block
        known, at_once = self.basis[: self.count], 1 if self.block.dtype == torch.float64 else WIDTH  # as torch unfolds images
        image = torch.cat([one.adjoint(one.apply(rows)) for rows in torch.split(self.block, at_once)])
        rows = image @ known.T
        self.projected[old : self.count, : self.count] = rows
        self.projected[: self.count, old : self.count] = rows.T
        self.block, self.couplings = orthonormal(image - rows @ known, known, float(rows.abs().amax()))

    def largest(self) -> tuple[float, float]:
        """The largest Ritz value and its residual, relative to it; 0 where it is 0."""
        values, coordinates = self._ritz()
        value, last = max(0.0, float(values[-1])), coordinates[self.count - self.couplings.shape[1] :, -1]
        return value, float((self.couplings @ last).norm()) / value if value else 0.0

    def vectors(self, many: int) -> Tensor:
        """The Ritz vectors of the largest values, ascending: -> [many, N]."""
        _, coordinates = self._ritz()
        return coordinates[:, -many:].T.to(self.basis) @ self.basis[: self.count]

    def make_room(self) -> None:
        """Where the next block does not fit, keep the best half of the basis.

        The residuals of all Ritz vectors lie in B, so nothing else is lost: the thick restart of Wu & Simon 2000, SIAM Journal
        on Matrix Analysis and Applications 22(2).
        """
        if self.count + len(self.block) <= len(self.basis):
            return
        keep, (values, _) = self.count // 2, self._ritz()
        self.basis[:keep] = self.vectors(keep)
        self.projected[:keep, :keep] = values[-keep:].diag()
        self.count = keep

    def _ritz(self) -> tuple[Tensor, Tensor]:
        values, coordinates = torch.linalg.eigh(self.projected[: self.count, : self.count])
        return values, coordinates


def orthonormal(rows: Tensor, known: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """An orthonormal basis of `rows`, orthogonal to `known`, and how `rows` are made of it; what is only rounding is left out.

    Everything is made orthogonal twice, which is enough: Parlett 1998, The Symmetric Eigenvalue Problem, section 6.9.

    Args:
        rows: [b, N], orthogonal to `known` but for rounding.
        known: [m, N], orthonormal.
        scale: the size of what was rounded.

    Returns:
        The basis [b', N] and its coefficients [b', b] in float64, b' <= b.
    """
    block, first = gram_schmidt(rows, 10 * torch.finfo(rows.dtype).eps * scale)
    block, second = gram_schmidt(block - (block @ known.T) @ known, 0.1)  # where less is left, it was rounding
    return block, second @ first


def gram_schmidt(rows: Tensor, least: float) -> tuple[Tensor, Tensor]:
    """An orthonormal basis of `rows` and how they are made of it: [b, N] -> ([b', N], [b', b]), without what is too short."""
    block = rows[:0]
    coefficients = torch.zeros(len(rows), len(rows), dtype=torch.float64, device=rows.device)
    for column, row in enumerate(rows):
        for _ in range(2):
            inside = block @ row
            coefficients[: len(block), column] += inside
            row = row - inside @ block
        length = row.norm()
        if length > least:
            coefficients[len(block), column] = length
            block = torch.cat([block, (row / length).unsqueeze(0)])
    return block, coefficients[: len(block)]
