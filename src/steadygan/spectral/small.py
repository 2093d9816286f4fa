"""Algebra of many 3 x 3 matrices at once, on NumPy arrays (whose calls cost a third of torch's on a CPU) or tensors alike."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

Small = Any  # numpy array or tensor, float64: [L], [L, 3, 3]
LITTLE = 1e-3  # squared: what is left of a vector when its share along others has been taken off
CONVERGED = 2e-3  # the residual below which a remainder in float32 is mostly rounding


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
