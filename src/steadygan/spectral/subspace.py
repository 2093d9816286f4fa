"""Leading singular vectors of many linear maps at once, each warm-started where the last call ended.

Power iteration carries one vector and nears the largest singular value by the factor (s2/s1)^2 an iteration, which is slow
where s2 is close to s1, as it is in trained discriminators. Carrying three vectors costs no more: a product with three reads
the matrix once, as a product with one does. An iteration here is such a product, a Rayleigh-Ritz step in the span of the three,
and one product back, whose remainder is the third vector of the next iteration: locally optimal conjugate gradients on W'W,
Knyazev 2001, SIAM J. Sci. Comput. 23(2), without a preconditioner.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
import torch
from torch import Tensor

Small = Any  # numpy array or tensor, float64: [L], [L, 3, 3]

WIDTH = 3
LITTLE = 1e-3  # squared: what is left of a vector when its share along others has been taken off
CONVERGED = 2e-3  # the residual below which a remainder in float32 is mostly rounding
FOREACH = hasattr(torch, "_foreach_mm")  # since torch 2.13


class LinearMap(Protocol):
    """G linear maps R^N -> R^M side by side: rows hold G vectors one after the other."""

    @property
    def blocks(self) -> int:
        """G."""

    def apply(self, rows: Tensor) -> Tensor:
        """Images of rows of vectors: [B, G * N] -> [B, G * M]."""

    def adjoint(self, rows: Tensor) -> Tensor:
        """Images under the adjoint: [B, G * M] -> [B, G * N]."""


class Stack:
    """A stack of matrices [G, M, N] as linear maps."""

    def __init__(self, matrices: Tensor) -> None:
        self.blocks = len(matrices)
        self.matrices = matrices[0] if self.blocks == 1 else matrices  # a batch of one would be several times slower
        self.flipped = self.matrices.mT

    def apply(self, rows: Tensor) -> Tensor:
        """Wx for each vector x: [B, G * N] -> [B, G * M]."""
        return self._times(rows, self.flipped)

    def adjoint(self, rows: Tensor) -> Tensor:
        """W'y for each vector y: [B, G * M] -> [B, G * N]."""
        return self._times(rows, self.matrices)

    def _times(self, rows: Tensor, factors: Tensor) -> Tensor:
        if self.blocks == 1:
            return torch.mm(rows, factors)
        return beside(apart(rows, self.blocks) @ factors)


def apart(rows: Tensor, blocks: int) -> Tensor:
    """Rows with the vectors of each block taken apart: [B, G * N] -> [G, B, N]."""
    return rows.view(len(rows), blocks, -1).transpose(0, 1)


def beside(stacks: Tensor) -> Tensor:
    """Rows with the vectors of all blocks side by side: [G, B, N] -> [B, G * N]."""
    return stacks.transpose(0, 1).flatten(1)


@dataclass(slots=True)
class Leading:
    """What is known of the leading singular triplets of G maps.

    Attributes:
        u: [G * M] leading left vectors, of length 1 each.
        v: [G * N] leading right vectors, of length 1 each.
        basis: [3, G * N] v in row 0, then two more orthonormal vectors of each block: where to look next.
        sigma: [G] (or a scalar for one plain matrix) u'Wv, which never exceeds the largest singular value.
        residual: [G] |W'u - sigma v| / sigma before the last half iteration: 0 where u and v are singular vectors.
    """

    u: Tensor
    v: Tensor
    basis: Tensor
    sigma: Tensor
    residual: Tensor


def bilinear(one: LinearMap, u: Tensor, v: Tensor) -> Tensor:
    """u'Wv of each block, differentiable in W: [G * M], [G * N] -> [G]. Sigma is never computed in any other way."""
    return inner(one.adjoint(u.unsqueeze(0)).squeeze(0), v, one.blocks)


def inner(left: Tensor, right: Tensor, blocks: int) -> Tensor:
    """Inner products of the vectors of each block: [G * N], [G * N] -> [G]."""
    if blocks == 1:
        return torch.dot(left, right).unsqueeze(0)
    return (left * right).view(blocks, -1).sum(1)


@torch.no_grad()
def iterate(maps: Sequence[LinearMap], us: Sequence[Tensor], bases: Sequence[Tensor]) -> list[Leading]:
    """One iteration on every map: products with [3, G * N] and with [1, G * M], and small matrices between.

    Where a map is zero or not finite, its vectors stay as they were, so that one bad step does not poison the next.
    """
    blocks = [one.blocks for one in maps]
    images = applied(maps, bases)
    mixes, values = rayleigh_ritz(grams(images, blocks))
    rows = mixed(like(mixes[:, :1] / positive(values)[:, None, None], images[0]), images, blocks)  # [1, G * M], of length 1
    backs = applied(maps, rows, adjoint=True)  # [1, G * N]
    sigmas = lengths(backs, blocks)
    both = [torch.cat(pair) for pair in zip(backs, bases, strict=True)]
    mixers, residuals = next_basis(mixes, values, sigmas)
    bent = mixed(like(mixers, images[0]), both, blocks)
    news = mixed(like(straight(grams(bent, blocks)), images[0]), bent, blocks)
    kept_us, kept = settled([row[0] for row in rows], us, news, bases, sigmas, blocks)
    found = zip(kept_us, kept, backs, blocks, torch.split(like(residuals, images[0]), blocks), strict=True)
    return [Leading(u, basis[0], basis, inner(back[0], basis[0], count), residual) for u, basis, back, count, residual in found]


def applied(maps: Sequence[LinearMap], rows: Sequence[Tensor], adjoint: bool = False) -> Sequence[Tensor]:
    """Every map, or its adjoint, applied to its rows."""
    if all(isinstance(one, Stack) and one.blocks == 1 for one in maps):
        return products(rows, [cast(Stack, one).matrices if adjoint else cast(Stack, one).flipped for one in maps])
    return [one.adjoint(row) if adjoint else one.apply(row) for one, row in zip(maps, rows, strict=True)]


def products(lefts: Sequence[Tensor], rights: Sequence[Tensor]) -> Sequence[Tensor]:
    """Matrix products of pairs, called once for all where torch can."""
    if FOREACH:
        found: Sequence[Tensor] = torch._foreach_mm(list(lefts), list(rights))
        return found
    return [torch.mm(left, right) for left, right in zip(lefts, rights, strict=True)]


def grams(rows: Sequence[Tensor], blocks: Sequence[int]) -> Small:
    """Inner products of the three vectors of each block: -> [L, 3, 3] float64."""
    found = gram_stack(rows, blocks).double()
    if on_host(found) and not in_range(found.numpy()[:, 0, 0], 1e30):  # elsewhere they are wide from the start
        found = gram_stack([row.double() for row in rows], blocks)
    return small(found)


def gram_stack(rows: Sequence[Tensor], blocks: Sequence[int]) -> Tensor:
    """The same in the type of the rows, but for float32 on an accelerator, which cannot be asked whether it overflowed."""
    rows = rows if on_host(rows[0]) else [row.double() for row in rows]
    if max(blocks) == 1:
        return torch.stack(list(products(rows, [row.T for row in rows])))
    stacks = [apart(row, count) for row, count in zip(rows, blocks, strict=True)]
    return torch.cat([stack @ stack.mT for stack in stacks])


def on_host(tensor: Tensor) -> bool:
    """Asking for its numbers costs no waiting."""
    return tensor.device.type == "cpu"


def in_range(values: Any, limit: float) -> bool:
    """All values are above 1 / limit and below limit: far from where float32 ends."""
    return bool(values.min() > 1 / limit and values.max() < limit)


def mixed(coefficients: Tensor, rows: Sequence[Tensor], blocks: Sequence[int]) -> Sequence[Tensor]:
    """Linear combinations of rows, each block its own: [L, K, B], [B, G * N] each -> [K, G * N] each."""
    if max(blocks) == 1:
        return products(coefficients.unbind(), rows)
    parts = torch.split(coefficients, list(blocks))
    return [beside(part @ apart(row, len(part))) for part, row in zip(parts, rows, strict=True)]


def lengths(rows: Sequence[Tensor], blocks: Sequence[int]) -> Small:
    """Lengths of the vectors of all blocks: [1, G * N] each -> [L] float64."""
    if max(blocks) > 1:
        parts = [row.view(1, count, -1) for row, count in zip(rows, blocks, strict=True)]
        return small(torch.cat([torch.linalg.vector_norm(part, dim=2, dtype=torch.float64)[0] for part in parts]))
    if on_host(rows[0]):
        quick = small(torch.stack(torch._foreach_norm(list(rows))).double())
        if in_range(quick, 1e15):
            return quick
    return small(torch.stack(torch._foreach_norm(list(rows), 2, dtype=torch.float64)))


def settled(
    us: Sequence[Tensor],
    old_us: Sequence[Tensor],
    bases: Sequence[Tensor],
    olds: Sequence[Tensor],
    sigmas: Small,
    blocks: list[int],
) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
    """The new vectors where sigma is positive and finite, else the old ones."""
    usable = (sigmas > 0) & (sigmas < math.inf)
    if isinstance(usable, np.ndarray) and usable.all():  # elsewhere asking would wait for the device
        return us, bases
    good = torch.as_tensor(usable)
    kept_us, kept = [], []
    for u, old_u, basis, old, fine in zip(us, old_us, bases, olds, torch.split(good, blocks), strict=True):
        kept_us.append(torch.where(fine.repeat_interleave(len(u) // len(fine)), u, old_u))
        kept.append(torch.where(fine.repeat_interleave(basis.shape[1] // len(fine)), basis, old))
    return kept_us, kept


def small(matrices: Tensor) -> Small:
    """Small matrices for arithmetic: as NumPy's on a CPU, whose calls cost a third of torch's; the same code serves both."""
    return matrices.numpy() if matrices.device.type == "cpu" else matrices


def like(values: Small, tensor: Tensor) -> Tensor:
    """Back from small arithmetic, in the type and on the device of `tensor`."""
    return torch.as_tensor(values).to(tensor)


def rayleigh_ritz(images: Small) -> tuple[Small, Small]:
    """The two best combinations of three orthonormal vectors x_i: Gram matrices of the W x_i -> (mixes [L, 2, 3], values [L]).

    `mixes[:, 0]` makes the unit vector in the span of the x_i that W stretches most, by `values`; `mixes[:, 1]` the next one.
    """
    squares, turns = symmetric_eigen(finite(images))
    return turns.swapaxes(1, 2)[:, [2, 1]], squares[:, 2].clip(0) ** 0.5


def finite(matrices: Small) -> Small:
    """`matrices` with zeros where they are not finite."""
    if isinstance(matrices, np.ndarray):
        return matrices if np.isfinite(matrices).all() else np.nan_to_num(matrices, nan=0.0, posinf=0.0, neginf=0.0)
    return torch.nan_to_num(matrices, 0.0, 0.0, 0.0)


def symmetric_eigen(matrices: Small) -> tuple[Small, Small]:
    """Eigenvalues, ascending, and eigenvectors of symmetric 3 x 3 matrices, without waiting for a GPU: -> [L, 3], [L, 3, 3]."""
    if isinstance(matrices, np.ndarray):
        values, vectors = np.linalg.eigh(matrices)
        return values, vectors
    return jacobi(matrices)


def jacobi(matrices: Tensor, sweeps: int = 5) -> tuple[Tensor, Tensor]:
    """The same by cyclic Jacobi rotations, Golub & Van Loan 2013, section 8.5: plain arithmetic that a CUDA graph can hold."""
    vectors = torch.eye(3, dtype=matrices.dtype, device=matrices.device).expand_as(matrices)
    for _ in range(sweeps):
        for p, q in ((0, 1), (0, 2), (1, 2)):
            rotation = jacobi_rotation(matrices, p, q)
            matrices, vectors = rotation.mT @ matrices @ rotation, vectors @ rotation
    values, order = matrices.diagonal(dim1=1, dim2=2).sort(dim=1)
    return values, vectors.gather(2, order.unsqueeze(1).expand_as(vectors))


def jacobi_rotation(matrices: Tensor, p: int, q: int) -> Tensor:
    """The rotations in the plane of p and q that make entry (p, q) zero: [L, 3, 3] -> [L, 3, 3]."""
    angle = 0.5 * torch.atan2(2 * matrices[:, p, q], matrices[:, q, q] - matrices[:, p, p])
    cosine, sine = angle.cos(), angle.sin()
    rotation = torch.eye(3, dtype=matrices.dtype, device=matrices.device).repeat(len(matrices), 1, 1)
    rotation[:, p, p], rotation[:, q, q] = cosine, cosine
    rotation[:, p, q], rotation[:, q, p] = sine, -sine
    return rotation


def next_basis(mixes: Small, values: Small, sigmas: Small) -> tuple[Small, Small]:
    """What makes the next basis of the rows (W'u, x_1, x_2, x_3), and the residuals: -> [L, 3, 4], [L].

    The rows are v = W'u / sigma, the second Ritz vector, and what completes v in the span of the first Ritz vector and the
    remainder. The latter is left out where the remainder is mostly rounding, and rough where it is partly that: see `straight`.
    """
    inverse = 1 / positive(sigmas)
    residuals = (1 - (values * inverse) ** 2).clip(0) ** 0.5
    far = (residuals > CONVERGED) / positive(residuals)
    mixer = mixes[:, [0, 0, 0]][:, :, [0, 0, 1, 2]] * 0
    mixer[:, 0, 0] = inverse
    mixer[:, 1, 1:] = mixes[:, 1]
    mixer[:, 2, 0] = -values * inverse**2 * far
    mixer[:, 2, 1:] = mixes[:, 0] * far[:, None]
    return mixer, residuals


def straight(grams: Small) -> Small:
    """What makes three vectors orthonormal, the first kept: Gram matrices [L, 3, 3] -> [L, 3, 3] lower triangular.

    Without it roundings of the remainder feed on themselves. Vectors of which little is new are dropped.
    """
    mixer = grams * 0
    mixer[:, 0, 0] = first = inverse_root(grams[:, 0, 0], grams[:, 0, 0])
    along = grams[:, 0, 1] * first
    mixer[:, 1, 1] = second = inverse_root(grams[:, 1, 1] - along**2, grams[:, 1, 1])
    mixer[:, 1, 0] = -along * first * second
    along, across = grams[:, 0, 2] * first, (mixer[:, 1, 0] * grams[:, 0, 2] + second * grams[:, 1, 2])
    mixer[:, 2, 2] = third = inverse_root(grams[:, 2, 2] - along**2 - across**2, grams[:, 2, 2])
    mixer[:, 2, 1] = -across * second * third
    mixer[:, 2, 0] = -(along * first + across * mixer[:, 1, 0]) * third
    return mixer


def inverse_root(left: Small, whole: Small) -> Small:
    """1 / sqrt(left), or 0 where that is little of the whole."""
    enough = left > LITTLE * whole
    return enough * (left * enough + ~enough) ** -0.5


def positive(values: Small) -> Small:
    """`values` with 1 where they are 0 or not numbers, to divide by."""
    usable = values > 0
    return np.where(usable, values, 1) if isinstance(values, np.ndarray) else torch.where(usable, values, 1)
