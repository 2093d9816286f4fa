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

from steadygan.spectral.small import Small, next_basis, positive, rayleigh_ritz, straight

WIDTH = 3
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
    return matrices.numpy() if on_host(matrices) else matrices


def like(values: Small, tensor: Tensor) -> Tensor:
    """Back from small arithmetic, in the type and on the device of `tensor`."""
    return torch.as_tensor(values).to(tensor)
