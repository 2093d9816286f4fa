import math

import numpy as np
import pytest
import torch
from torch import nn

from steadygan.errors import NetworkError
from steadygan.spectral import condition_number, effective_rank, singular, singular_values, spectral_norm, stable_rank, weights

LAYERS = {
    "linear": (lambda: nn.Linear(7, 5), lambda w: w[None]),
    "embedding": (lambda: nn.Embedding(9, 6), lambda w: w[None]),
    "bilinear": (lambda: nn.Bilinear(3, 4, 5), lambda w: w.reshape(1, 5, 12)),
    "conv1d": (lambda: nn.Conv1d(3, 5, 3), lambda w: w.reshape(1, 5, 9)),
    "conv3d": (lambda: nn.Conv3d(2, 4, 3), lambda w: w.reshape(1, 4, 54)),
    "grouped": (lambda: nn.Conv2d(4, 6, 3, groups=2), lambda w: w.reshape(2, 3, 18)),
    "transposed": (lambda: nn.ConvTranspose2d(6, 4, 3), lambda w: w.transpose(1, 0, 2, 3).reshape(1, 4, 54)),
}


def with_spectrum(values: torch.Tensor, m: int, n: int) -> torch.Tensor:
    """A matrix [m, n] with the given min(m, n) singular values, to about 1e-15 of the largest."""
    random = torch.Generator().manual_seed(3)
    left, right = (torch.linalg.qr(torch.randn(s, len(values), dtype=torch.float64, generator=random)).Q for s in (m, n))
    return (left * values) @ right.T


@pytest.mark.parametrize("kind", LAYERS)
def test_a_layer_against_numpy(kind):
    make, matrices = LAYERS[kind]
    layer = make()
    expected = np.linalg.svd(matrices(layer.weight.detach().double().numpy()), compute_uv=False)
    assert singular_values(layer).numpy() == pytest.approx(expected, rel=1e-9)  # condition below 1e3: error 1e-16 * 1e6
    (weight,) = weights(nn.Sequential(layer))
    assert torch.equal(singular_values(weight), singular_values(layer))


def test_a_normalized_layer_is_read_as_it_is_used():
    layer = nn.Linear(6, 6)
    spectral_norm(layer, mode="hard").refresh(300)
    assert float(singular_values(layer)[0, 0]) == pytest.approx(1, rel=1e-5)  # float32


def test_attention_is_a_stack_of_four():
    layer = nn.MultiheadAttention(6, 2)
    parts = [*layer.in_proj_weight.detach().double().chunk(3), layer.out_proj.weight.detach().double()]
    expected = np.linalg.svd(torch.stack(parts).numpy(), compute_uv=False)
    assert singular_values(layer).numpy() == pytest.approx(expected, rel=1e-9)


def test_what_makes_no_stack_is_refused():
    with pytest.raises(NetworkError, match=r"6, 3, 6, 6 of them; take one of weights"):
        singular_values(nn.MultiheadAttention(6, 2, kdim=3))
    with pytest.raises(NetworkError, match="Sequential is no layer"):
        singular_values(nn.Sequential(nn.Linear(2, 2)))
    with pytest.raises(NetworkError, match=r"shape \[3\] is no matrix"):
        singular_values(torch.ones(3))
    with pytest.raises(NetworkError, match="k must be at least 1, got 0"):
        singular_values(torch.ones(3, 3), k=0)


def test_a_tensor_is_flattened_after_its_first_dimension():
    kernel = torch.randn(5, 3, 2, 2)
    assert singular_values(kernel)[0].numpy() == pytest.approx(np.linalg.svd(kernel.double().reshape(5, 12))[1], rel=1e-9)


@pytest.mark.parametrize(("m", "n"), [(40, 40), (30, 90), (90, 30)])
@pytest.mark.parametrize("spread", [1e1, 1e4, 1e6, 1e12])
def test_small_values_are_exact_too(m, n, spread):
    """Gram matrix: relative error below 1e-8 down to 1e-4 of the largest. Below that a decomposition: 1e-14 of the largest."""
    values = torch.logspace(0, -math.log10(spread), min(m, n), dtype=torch.float64)
    found = singular_values(with_spectrum(values, m, n))[0]
    assert torch.all((found - values).abs() <= 1e-8 * values + 1e-14)


def test_the_gram_matrix_is_taken_where_it_serves(monkeypatch):
    asked = []
    monkeypatch.setattr(torch.linalg, "svdvals", lambda m: asked.append(m) or torch.ones(len(m), m.shape[2]).double())
    singular_values(torch.diag(torch.tensor([1.0, 0.5, 0.25])))
    assert not asked
    stack = torch.stack([torch.eye(3), torch.diag(torch.tensor([1.0, 1.0, 1e-6]))])
    singular.of_matrices(stack)
    assert [len(each) for each in asked] == [1]  # that one alone


@pytest.mark.parametrize("scale", [0.0, 1e-300, 1e-30, 1e30, 1e200])
def test_extreme_scales(scale):
    weight = torch.diag(torch.tensor([2.0, 1.0, 0.5], dtype=torch.float64)) * scale
    assert singular_values(weight)[0].tolist() == pytest.approx([2 * scale, scale, 0.5 * scale], rel=1e-12)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_is_nan_where_it_is(bad):
    layer = nn.Conv2d(4, 4, 1, groups=2)
    with torch.no_grad():
        layer.weight[0, 0] = bad
    for k in (None, 1):
        values = singular_values(layer, k)
        assert values[0].isnan().all()
        assert values[1].isfinite().all()


@pytest.mark.parametrize("k", [1, 3, 99])
def test_the_largest_few(k):
    weight = torch.randn(20, 30)
    assert torch.equal(singular_values(weight, k), singular_values(weight)[:, :k])


def test_the_largest_few_of_a_large_weight(monkeypatch):
    """By iteration, in float64: within 1e-7 of a value by its residual, and far nearer in fact."""
    weight = torch.randn(150, 200)
    exact = singular_values(weight)[:, :4]
    monkeypatch.setattr(singular, "SMALL", 100)
    monkeypatch.setattr(singular, "all_values", lambda m: pytest.fail("it converges"))
    assert singular_values(weight, 4)[0].tolist() == pytest.approx(exact[0].tolist(), rel=1e-9)


def test_what_does_not_converge_is_decomposed(monkeypatch):
    weight = torch.randn(150, 200)
    exact = singular_values(weight)[:, :4]
    monkeypatch.setattr(singular, "SMALL", 100)
    monkeypatch.setattr("steadygan.spectral.leading.PATIENCE", 1)
    assert torch.equal(singular_values(weight, 4), exact)


def test_ranks_and_condition_in_closed_form():
    values = torch.tensor([[4.0, 2.0, 2.0]], dtype=torch.float64)
    entropy = 0.5 * math.log(2) + 2 * 0.25 * math.log(4)
    assert condition_number(values) == 2
    assert stable_rank(values) == pytest.approx(24 / 16)
    assert effective_rank(values) == pytest.approx(math.exp(entropy))


def test_the_worst_condition_and_the_mean_rank_of_groups():
    values = torch.tensor([[2.0, 1.0], [3.0, 3.0]])
    assert condition_number(values) == 2
    assert stable_rank(values) == pytest.approx((1.25 + 2) / 2)


def test_zeros_singular_matrices_and_nan():
    zeros, nan = torch.zeros(1, 3), torch.full((1, 3), math.nan)
    assert (condition_number(zeros), effective_rank(zeros), stable_rank(zeros)) == (math.inf, 0, 0)
    assert all(math.isnan(read(nan)) for read in (condition_number, effective_rank, stable_rank))
    assert math.isnan(condition_number(torch.cat([nan, zeros])))
    assert condition_number(torch.tensor([[1.0, 0.0]])) == math.inf
    assert effective_rank(torch.tensor([[1.0, 0.0]])) == 1
    mixed = torch.cat([zeros, torch.ones(1, 3)])
    assert (effective_rank(mixed), stable_rank(mixed)) == (pytest.approx(1.5), 1.5)
    assert effective_rank(torch.full((1, 2), 1e308, dtype=torch.float64)) == pytest.approx(2)


def test_a_smallest_value_that_is_rounding_counts_as_zero():
    rank_two = torch.randn(6, 2, dtype=torch.float64) @ torch.randn(2, 3, dtype=torch.float64)
    assert condition_number(singular_values(rank_two)) == math.inf
