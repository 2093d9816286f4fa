import math

import numpy as np
import pytest
import torch

from steadygan.spectral.normalization import starting_vectors
from steadygan.spectral.small import jacobi
from steadygan.spectral.subspace import Stack, bilinear, iterate


def matrix_with_gap(gap: float, n: int = 12) -> torch.Tensor:
    """A matrix whose singular values are 1, gap, gap^2, ...: float64 [1, n, n]."""
    left, right = (torch.linalg.qr(torch.randn(n, n, dtype=torch.float64))[0] for _ in range(2))
    return (left @ torch.diag(gap ** torch.arange(n, dtype=torch.float64)) @ right).unsqueeze(0)


def iterated(matrices: torch.Tensor, n: int, u: torch.Tensor | None = None, basis: torch.Tensor | None = None):
    groups, rows, columns = matrices.shape
    u = starting_vectors(groups, 1, rows, "a").squeeze(0).to(matrices) if u is None else u
    basis = starting_vectors(groups, 3, columns, "b").to(matrices) if basis is None else basis
    for _ in range(n):
        (found,) = iterate([Stack(matrices)], [u], [basis])
        u, basis = found.u, found.basis
    return found


@pytest.mark.parametrize("gap", [0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("k", [1, 3, 10])
def test_at_least_as_good_as_power_iteration_from_the_same_vector(gap, k):
    """sigma is the largest stretch in a span that holds power iteration's next vector, so it cannot be less than |Wv| there."""
    matrix = matrix_with_gap(gap)
    v = starting_vectors(1, 3, 12, "b")[0]
    for _ in range(k):
        u = torch.nn.functional.normalize(matrix[0] @ v, dim=0)
        v = torch.nn.functional.normalize(matrix[0].T @ u, dim=0)
    power = float((matrix[0] @ v).norm())
    found = iterated(matrix, k + 1)  # one more, because the first span holds nothing but the start
    assert power - 1e-12 <= float(found.sigma) <= 1 + 1e-12


def test_far_faster_than_power_iteration_where_two_values_are_close():
    """Singular values 1, 0.99 and the rest at 0.5: the pair lies in the span of three, so the rest decays as 0.25^k."""
    matrix = matrix_with_gap(1.0)
    left, _, right = torch.linalg.svd(matrix_with_gap(0.9)[0])
    values = torch.full((12,), 0.5, dtype=torch.float64)
    values[0], values[1] = 1, 0.99
    matrix = (left @ torch.diag(values) @ right).unsqueeze(0)
    assert 1 - float(iterated(matrix, 12).sigma) < 1e-6  # power iteration: (0.99)^(4 * 12) = 0.6 of the first error


@pytest.mark.parametrize("shape", [(1, 1, 7), (1, 7, 1), (1, 2, 5), (1, 5, 2), (1, 1, 1), (4, 3, 9), (6, 1, 9)])
def test_every_shape(shape):
    matrices = torch.randn(shape)
    found = iterated(matrices, 40)
    assert torch.allclose(found.sigma, torch.linalg.matrix_norm(matrices, 2), rtol=1e-4)
    assert torch.allclose(found.sigma, bilinear(Stack(matrices), found.u, found.basis[0]), rtol=0, atol=0)


@pytest.mark.parametrize("scale", [1e-20, 1.0, 1e20])
def test_scale_does_not_matter(scale):
    matrix = (matrix_with_gap(0.5) * scale).float()
    found = iterated(matrix, 10)
    assert float(found.sigma) == pytest.approx(scale, rel=1e-5)
    assert float(found.u.norm()) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("bad", [0.0, math.nan, math.inf])
def test_a_bad_matrix_keeps_the_vectors(bad):
    u, basis = starting_vectors(1, 1, 6, "a").float()[0], starting_vectors(1, 3, 6, "b").float()
    good, wrong = matrix_with_gap(0.5, 6).float(), torch.full((1, 6, 6), bad)
    first, second = iterate([Stack(wrong), Stack(good)], [u, u], [basis, basis])
    assert torch.equal(first.u, u)
    assert torch.equal(first.basis, basis)
    assert not torch.equal(second.u, u)  # the neighbour goes on


def test_the_residual_is_that_of_the_vectors():
    matrix = matrix_with_gap(0.8)
    before = iterated(matrix, 4)
    found = iterated(matrix, 1, before.u, before.basis)
    v1 = torch.linalg.lstsq(matrix[0], found.u * 1.0).solution  # W v1 = s u
    v1 = v1 / v1.norm()
    s = float(found.u @ matrix[0] @ v1)
    exact = (matrix[0].T @ found.u - s * v1).norm() / found.sigma
    assert float(found.residual) == pytest.approx(float(exact), rel=1e-6)


def test_wrong_bases_do_no_harm():
    """Vectors that an average has shrunk and bent: u and v are unit vectors, and sigma a lower bound, all the same."""
    matrix = matrix_with_gap(0.7).float()
    found = iterated(matrix, 1, basis=0.3 * torch.randn(3, 12))
    assert float(found.u.norm()) == pytest.approx(1, abs=1e-5)
    assert float(found.basis[0].norm()) == pytest.approx(1, abs=1e-5)
    assert float(found.sigma) <= 1 + 1e-6
    assert float(iterated(matrix, 20, found.u, found.basis).sigma) == pytest.approx(1, rel=1e-5)


def test_jacobi_is_eigh():
    matrices = torch.randn(50, 3, 3, dtype=torch.float64)
    matrices = matrices + matrices.mT
    matrices[0] = torch.diag(torch.tensor([2.0, 2.0, 5.0]))
    matrices[1] = 0
    values, vectors = jacobi(matrices)
    assert np.allclose(values, torch.linalg.eigvalsh(matrices), atol=1e-12)  # five sweeps of a quadratic method
    assert torch.allclose(vectors @ torch.diag_embed(values) @ vectors.mT, matrices, atol=1e-12)


def test_roundings_do_not_feed_on_themselves():
    """A float32 matrix that jitters for 400 iterations, converged all the while: the basis stays orthonormal or zero."""
    torch.manual_seed(0)
    matrix = matrix_with_gap(0.9).float()
    u, basis = starting_vectors(1, 1, 12, "a").float()[0], starting_vectors(1, 3, 12, "b").float()
    for _ in range(400):
        jitter = 10 ** -(2 + 4 * float(torch.rand(())))
        matrix = matrix + jitter * torch.randn(1, 12, 12) / 12
        (found,) = iterate([Stack(matrix)], [u], [basis])
        u, basis = found.u, found.basis
        gram = basis @ basis.T
        assert torch.allclose(gram, torch.diag((gram.diagonal() > 0.5).float()), atol=1e-4)  # float32 over sqrt(LITTLE) is 2e-6
