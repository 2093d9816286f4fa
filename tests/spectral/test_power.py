import math

import pytest
import torch

from steadygan.spectral.power import power_iteration, sigma, unit


def matrix_with_gap(gap: float, n: int = 6) -> torch.Tensor:
    """A matrix whose singular values are 1, gap, gap, ...: float64 [1, n, n]."""
    left, right = (torch.linalg.qr(torch.randn(n, n, dtype=torch.float64))[0] for _ in range(2))
    values = torch.full((n,), gap, dtype=torch.float64)
    values[0] = 1
    return (left @ torch.diag(values) @ right).unsqueeze(0)


@pytest.mark.parametrize("gap", [0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("k", [1, 3, 10])
def test_sigma_error_shrinks_with_the_gap_and_with_k(gap, k):
    """Relative error of sigma after k iterations from v is at most tan(angle of v to v_1)^2 * gap^(4k - 2)."""
    matrix = matrix_with_gap(gap)
    start = torch.nn.functional.normalize(torch.randn(1, 6, dtype=torch.float64), dim=1)
    v1 = torch.linalg.svd(matrix[0])[2][0]
    tangent = math.tan(math.acos(min(1.0, float((start[0] @ v1).abs()))))
    u, v = power_iteration(matrix, start, start, k)
    error = 1 - float(sigma(matrix, u, v))
    assert -1e-12 <= error <= tangent**2 * gap ** (4 * k - 2) + 1e-12


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_scale_does_not_matter(scale):
    matrix = (matrix_with_gap(0.5) * scale).float()
    start = torch.nn.functional.normalize(torch.randn(1, 6), dim=1)
    u, v = power_iteration(matrix, start, start, 30)
    assert float(sigma(matrix, u, v)) == pytest.approx(scale, rel=1e-5)  # 0.5^118 is nothing beside float32's 1e-7


@pytest.mark.parametrize("bad", [0.0, math.nan, math.inf])
def test_a_bad_product_keeps_the_vectors(bad):
    start = torch.nn.functional.normalize(torch.randn(1, 6), dim=1)
    u, v = power_iteration(torch.full((1, 6, 6), bad), start, start, 2)
    assert torch.equal(u, start)
    assert torch.equal(v, start)


def test_unit_is_row_by_row():
    rows = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    assert torch.allclose(unit(rows, torch.ones(2, 2)), torch.tensor([[0.6, 0.8], [1.0, 1.0]]))
