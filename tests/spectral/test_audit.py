"""The audit's rows against numpy, torch and closed forms, and how each is measured within a budget."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from spectral_audits import norms, row_of
from torch import nn

from steadygan.spectral import spectral_norm
from steadygan.spectral.audit import audit
from steadygan.spectral.auditing import slopes
from steadygan.spectral.auditing.decomposition import gram_values, methods_for, spectrum_of


def test_a_plain_network_against_numpy():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 1))
    found = audit(net, (3, 8, 8))
    values, row = norms(net[0].weight), row_of(found, "0")
    shares = values / values.sum()
    assert row.sigma == pytest.approx(values[0], rel=1e-10)
    assert row.condition == pytest.approx(values[0] / values[-1], rel=1e-8)
    assert row.rank == pytest.approx(math.exp(-(shares * np.log(shares)).sum()), abs=1e-5)
    assert (row.kind, row.shape, row.full, row.method) == ("Conv2d", (8, 3, 3, 3), 8, "full")
    assert (row.covered, row.reason, row.believed, row.error) == ("", "nothing normalizes it", None, None)
    assert row_of(found, "3").operator == row_of(found, "3").sigma
    assert found.warnings == ()
    assert found.parameters == sum(p.numel() for p in net.parameters())


def test_the_operator_norm_of_a_convolution_against_its_dense_matrix():
    net = nn.Sequential(nn.Conv2d(2, 3, 3, stride=2, padding=1), nn.Flatten(), nn.Linear(27, 1))
    columns = torch.eye(2 * 36).reshape(-1, 2, 6, 6)
    dense = F.conv2d(columns, net[0].weight.detach(), stride=2, padding=1).flatten(1)
    row = row_of(audit(net, (2, 6, 6)), "0")
    assert row.operator == pytest.approx(float(torch.linalg.matrix_norm(dense.double(), 2)), rel=1e-4)
    assert row.operator_method == "exact"


def test_convolutions_beyond_the_budget_have_a_bound_instead(monkeypatch):
    """The cheapest are measured first, and no bound is below the norm."""
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Conv2d(3, 8, 3), nn.ConvTranspose2d(8, 2, 4, 2))
    exact = audit(net, (2, 9, 9)).rows
    costs = [slopes.PRODUCTS * products for products in (54 * 81, 256 * 25, 216 * 49)]  # weights times places of the input
    methods = []
    for budget in (0, costs[0], costs[0] + costs[1], sum(costs)):
        monkeypatch.setattr(slopes, "BUDGET", budget)
        rows = audit(net, (2, 9, 9)).rows
        methods.append([row.operator_method for row in rows])
        for row, known in zip(rows, exact, strict=True):
            assert row.operator >= known.operator * (1 - 1e-7)
    assert [found.count("exact") for found in methods] == [0, 1, 2, 3]
    assert methods[1:3] == [["exact", "bound", "bound"], ["exact", "bound", "exact"]]
    monkeypatch.setattr(slopes, "BUDGET", 0)
    bounded = audit(net, (2, 9, 9))
    assert "≤" in bounded.table()
    assert {row.share for row in bounded.rows} == {None}  # bounds are not equally loose: their shares would mislead
    assert [row.operator_method for row in audit(net, (2, 9, 9), exact=True).rows] == ["exact"] * 3


def test_ours_believes_what_it_divides_by_and_promises_the_coefficient():
    net = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 1))
    norm = spectral_norm(net, 3.0)
    norm.refresh(100)
    found = audit(net)
    for name in ("0", "2"):
        row = row_of(found, name)
        assert (row.covered, row.promised) == ("ours", 3.0)
        assert row.believed == pytest.approx(norm.sigma[name], rel=1e-6)
        assert row.believed == pytest.approx(norms(net[int(name)]._parameters["weight"])[0], rel=1e-5)
        assert row.sigma == pytest.approx(3.0, rel=1e-5)
        assert abs(row.error) < 1e-5
    assert found.warnings == ()


def test_modes_promise_what_they_keep():
    def only(**settings):
        layer = nn.Linear(6, 5)
        with torch.no_grad():
            layer.weight.mul_(0.5 / torch.linalg.matrix_norm(layer.weight, 2))
        spectral_norm(layer, **settings).refresh(100)
        return layer, audit(layer).rows[0]

    assert only(coefficient=2.0, mode="soft")[1].promised == pytest.approx(0.5, rel=1e-5)
    assert only(mode="initial")[1].promised == pytest.approx(0.5, rel=1e-5)
    _, both = only(mode="bidirectional")
    assert (both.promised, both.error) == (None, None)
    _, measured = only(mode="measure")
    assert (measured.covered, measured.reason) == ("", "measured only")
    assert measured.believed == pytest.approx(0.5, rel=1e-5)
    layer, _ = only(mode="gain")
    with torch.no_grad():
        layer.weight_gain.fill_(-7.0)
    assert audit(layer).rows[0].promised == 7.0
    assert abs(audit(layer).rows[0].error) < 1e-5


def test_ours_by_the_operator_norm_promises_that_one():
    net = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.Flatten(), nn.Linear(108, 1))
    norm = spectral_norm(net, 2.0, norm="operator", input_shape=(2, 6, 6))
    norm.refresh(300)
    row = audit(net, (2, 6, 6)).rows[0]
    assert (row.covered, row.promised) == ("ours", 2.0)
    assert row.operator == pytest.approx(2.0, rel=1e-4)
    assert abs(row.error) < 1e-4
    assert row.sigma < 1.9  # as a matrix it may be anything
    assert row.believed == pytest.approx(norm.sigma["0"], rel=1e-6)
    assert audit(net).rows[0].error is None  # without an input shape there is no operator norm to compare with


def test_queries_keys_and_values_have_a_row_each():
    net = nn.MultiheadAttention(8, 2)
    spectral_norm(net).refresh(100)
    rows = audit(net).rows
    assert [row.layer for row in rows] == ["in_proj_weight[q]", "in_proj_weight[k]", "in_proj_weight[v]", "out_proj"]
    assert {row.kind for row in rows} == {"MultiheadAttention", "Linear"}
    for row in rows:
        assert row.sigma == pytest.approx(1, rel=1e-4)
        assert row.full == 8


def test_shares_add_up_and_go_to_the_layers_that_stretch():
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3))
    for layer, norm in zip(net, (4.0, 0.5, 2.0), strict=True):
        layer.weight.data.copy_(norm * torch.eye(3))
    shares = [row.share for row in audit(net).rows]
    assert shares == pytest.approx([2 / 3, 0, 1 / 3])
    for layer in net:
        layer.weight.data.copy_(1.0005 * torch.eye(3))
    assert [row.share for row in audit(net).rows] == [None] * 3  # nothing to be shared out


def test_methods_by_size_and_budget():
    sizes = [(1, 64, 64), (1, 1024, 9216), (1, 8192, 8192)]
    assert methods_for(sizes) == ["full", "gram", "power"]
    assert methods_for(sizes, math.inf) == ["full"] * 3
    assert methods_for(sizes, 0) == ["power"] * 3
    assert methods_for([(1, 2048, 2048)] * 60).count("gram") in range(1, 60)  # a budget for all together


def test_the_gram_matrix_agrees_with_the_decomposition_and_admits_what_it_cannot_see():
    matrix = torch.randn(1, 40, 90, dtype=torch.float64)
    exact = torch.linalg.svdvals(matrix)
    torch.testing.assert_close(gram_values(matrix), exact, rtol=1e-10, atol=0)
    torch.testing.assert_close(gram_values(matrix.mT), exact, rtol=1e-10, atol=0)
    nearly = torch.diag(torch.tensor([1.0, 1e-9], dtype=torch.float64)).unsqueeze(0)
    assert spectrum_of(nearly, "full").condition == pytest.approx(1e9)
    assert spectrum_of(nearly, "gram").condition == math.inf


def test_power_iteration_is_an_estimate_from_below_and_knows_no_rank():
    matrix = torch.randn(1, 60, 80)
    exact, estimate = spectrum_of(matrix, "full"), spectrum_of(matrix, "power")
    assert estimate.sigma == pytest.approx(exact.sigma, rel=1e-3)
    assert estimate.sigma <= exact.sigma * (1 + 1e-6)
    assert (estimate.condition, estimate.rank) == (None, None)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
@pytest.mark.parametrize("method", ["full", "gram"])
def test_extreme_scales(scale, method):
    found = spectrum_of(torch.eye(3, dtype=torch.float64).unsqueeze(0) * scale, method)
    assert found.sigma == pytest.approx(scale)
    assert found.condition == pytest.approx(1)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_other_types_of_numbers(dtype):
    layer = nn.Linear(4, 3, dtype=dtype)
    exact = np.linalg.svd(layer.weight.detach().double().numpy(), compute_uv=False)[0]
    assert audit(layer).rows[0].sigma == pytest.approx(exact, rel=1e-6)
