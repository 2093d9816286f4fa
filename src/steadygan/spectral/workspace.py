"""The iteration of `subspace` for plain matrices on a CPU, in memory that is allotted once.

There the products with the weights cost little and the small things between them much: so they are NumPy's, whose calls cost a
third of torch's, and nothing is allotted anew. The numbers are those of `subspace.iterate` up to rounding.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from steadygan.spectral.small import next_basis, positive, rayleigh_ritz, straight
from steadygan.spectral.subspace import WIDTH, Leading, Stack, in_range


class Workspace:
    """Room for the vectors of matrices [M, N] of one type on a CPU.

    Args:
        stacks: one matrix each; they share memory with the weights, and follow them.
    """

    def __init__(self, stacks: Sequence[Stack]) -> None:
        self._matrices = [one.matrices for one in stacks]
        self._flipped = [one.flipped for one in stacks]
        rows = [torch.zeros(1 + WIDTH, matrix.shape[1], dtype=matrix.dtype) for matrix in self._matrices]  # W'u, then the basis
        images = [torch.zeros(WIDTH, matrix.shape[0], dtype=matrix.dtype) for matrix in self._matrices]
        lefts = [torch.zeros(1, matrix.shape[0], dtype=matrix.dtype) for matrix in self._matrices]  # u
        self._backs, self._bases, self._images, self._lefts = (
            [row[:1] for row in rows],
            [row[1:] for row in rows],
            images,
            lefts,
        )
        self._flat_backs, self._vs, self._us = [row[0] for row in rows], [row[1] for row in rows], [left[0] for left in lefts]
        self._np_rows, self._np_images, self._np_lefts = ([one.numpy() for one in ones] for ones in (rows, images, lefts))
        self._np_backs, self._np_bases = [row[0] for row in self._np_rows], [row[1:] for row in self._np_rows]
        self._np_flipped, self._news = (
            [image.T for image in self._np_images],
            [np.zeros_like(basis) for basis in self._np_bases],
        )
        self._type = self._np_rows[0].dtype

    def iterate(self, bases: Sequence[Tensor], residual: float, at_most: int) -> list[Leading] | None:
        """From bases [3, N], until each residual is below: -> what is known; None for numbers out of range."""
        torch._foreach_copy_(self._bases, list(bases))
        residuals = np.zeros(len(self._matrices))
        active = list(range(len(residuals)))
        for _ in range(at_most):
            if not self._once(active, residuals):
                return None
            active = [k for k in active if residuals[k] > residual]
            if not active:
                break
        return self._found(residuals)

    @np.errstate(invalid="ignore", over="ignore")
    def _once(self, active: list[int], residuals: np.ndarray) -> bool:
        """One iteration on the active matrices: False, and nothing changed, where squares would leave the range of the type."""
        count = len(active)
        grams, squares = np.empty((count, WIDTH, WIDTH), self._type), np.empty(count, self._type)
        for row, k in enumerate(active):
            torch.mm(self._bases[k], self._flipped[k], out=self._images[k])
            np.matmul(self._np_images[k], self._np_flipped[k], out=grams[row])
        if not in_range(grams[:, 0, 0], 1e30):
            return False
        mixes, values = rayleigh_ritz(grams.astype(np.float64))
        firsts = (mixes[:, :1] / positive(values)[:, None, None]).astype(self._type)
        for row, k in enumerate(active):
            np.matmul(firsts[row], self._np_images[k], out=self._np_lefts[k])
            torch.mm(self._lefts[k], self._matrices[k], out=self._backs[k])
            squares[row] = np.dot(self._np_backs[k], self._np_backs[k])
        mixers, residuals[active] = next_basis(mixes, values, squares.astype(np.float64) ** 0.5)
        mixers = mixers.astype(self._type)
        for row, k in enumerate(active):
            new = np.matmul(mixers[row], self._np_rows[k], out=self._news[k])
            np.matmul(new, new.T, out=grams[row])
        mixers = straight(grams.astype(np.float64)).astype(self._type)
        for row, k in enumerate(active):
            np.matmul(mixers[row], self._news[k], out=self._np_bases[k])
        return True

    def _found(self, residuals: np.ndarray) -> list[Leading]:
        us, vs = [u.clone() for u in self._us], [v.clone() for v in self._vs]
        sigmas = [torch.dot(back, v) for back, v in zip(self._flat_backs, vs, strict=True)]
        shares = torch.as_tensor(residuals).to(self._us[0].dtype).split(1)  # type: ignore[no-untyped-call]
        return [Leading(*one) for one in zip(us, vs, self._bases, sigmas, shares, strict=True)]
