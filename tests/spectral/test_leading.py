import math

import pytest
import torch
from torch import nn

from steadygan.spectral import leading, singular_values, spectral_norm
from steadygan.spectral.leading import LeadingValues, iterate, start


def exact(matrices, k):
    return torch.linalg.svdvals(matrices.double())[:, :k]


def products(monkeypatch):
    """Counts the looks at the residual; between two of them there are up to DEGREE products."""
    seen = []
    whole = leading.residuals
    monkeypatch.setattr(leading, "residuals", lambda *args: seen.append(1) or whole(*args))
    return seen


@pytest.mark.parametrize("shape", [(1, 60, 90), (1, 90, 60), (3, 50, 50), (1, 5, 7), (1, 1, 9), (2, 9, 1)])
@pytest.mark.parametrize("k", [1, 3])
def test_values_are_within_the_tolerance(shape, k):
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found, expected = iterate(matrices, start(matrices, k), k, 1e-5), exact(matrices, k)
    assert found.converged
    assert found.values.shape == expected.shape
    assert torch.all((found.values - expected).abs() <= 1e-5 * expected[:, :1])
    assert torch.all(found.values <= expected * (1 + 1e-12))


@pytest.mark.parametrize("ratio", [1.0, 0.999, 0.5, 1e-3, 1e-9, 0.0])
def test_any_decay(ratio):
    """Flat, clustered, steep and singular spectra. An eigenvalue of a Gram matrix is known to 1e-15 of the largest."""
    values = ratio ** torch.arange(40, dtype=torch.float64)
    left, right = (torch.linalg.qr(torch.randn(n, 40, dtype=torch.float64)).Q for n in (40, 70))
    matrices = ((left * values) @ right.T).unsqueeze(0)
    found = iterate(matrices, start(matrices, 3), 3, 1e-6)
    assert found.converged
    assert torch.all((found.values[0] - values[:3]).abs() <= 1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1.0, 1e30])
def test_scales_and_types(dtype, scale):
    layer = nn.Linear(30, 20, bias=False, dtype=dtype)
    with torch.no_grad():
        layer.weight.mul_(scale)
    expected = torch.linalg.svdvals(layer.weight.detach().double())[:3]
    (found,) = LeadingValues(3)(layer).values()
    assert found.dtype == torch.float64
    assert torch.all((found - expected).abs() <= 1e-3 * expected[0])


def test_labels_groups_and_blocks_apart():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.attention, self.row = nn.Conv2d(4, 6, 1, groups=2), nn.MultiheadAttention(6, 2), nn.Linear(9, 1)

    net = Net()
    found = LeadingValues(2)(net)
    names = ["conv", *(f"attention.in_proj_weight[{part}]" for part in "qkv"), "attention.out_proj", "row"]
    assert list(found) == names
    groups = exact(net.conv.weight.detach().reshape(2, 3, 2), 9).flatten().sort(descending=True).values[:2]
    assert found["conv"].tolist() == pytest.approx(groups.tolist(), rel=1e-3)
    queries, keys, values = exact(net.attention.in_proj_weight.detach().reshape(3, 6, 6), 2)
    for label, expected in zip(names[1:4], (queries, keys, values), strict=True):
        assert found[label].tolist() == pytest.approx(expected.tolist(), rel=1e-3)
    assert found["row"].tolist() == pytest.approx([net.row.weight.norm().item()], rel=1e-5)


def test_one_pass_when_warm(monkeypatch):
    net = nn.Linear(200, 100)
    top = LeadingValues(3)
    cold = products(monkeypatch)
    top(net)
    assert len(cold) > 1
    with torch.no_grad():  # a change of 1e-4 of the norm turns the vectors by little more than that
        net.weight.add_(1e-5 * torch.randn_like(net.weight))
    cold.clear()
    warm = top(net)[""]
    assert len(cold) == 1
    assert warm.tolist() == pytest.approx(singular_values(net, 3)[0].tolist(), rel=1e-4)


def test_a_large_change_costs_more_and_is_followed(monkeypatch):
    net, top = nn.Linear(200, 100), LeadingValues(3)
    top(net)
    net.reset_parameters()
    assert top(net)[""].tolist() == pytest.approx(singular_values(net, 3)[0].tolist(), rel=1e-3)
    with torch.no_grad():
        net.weight = nn.Parameter(torch.randn(100, 50))  # another shape: it starts anew
    assert top(net)[""].tolist() == pytest.approx(singular_values(net, 3)[0].tolist(), rel=1e-3)


def test_the_same_everywhere_and_no_global_state():
    net = nn.Linear(50, 50)
    before = torch.get_rng_state()
    first, second = LeadingValues(3)(net)[""], LeadingValues(3)(net)[""]
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_bad_step_does_not_poison_the_next():
    net, top = nn.Conv2d(40, 40, 1, groups=2), LeadingValues(2)
    good = net.weight.detach().clone()
    top(net)
    with torch.no_grad():
        net.weight[0, 0] = math.nan
    assert top(net)[""].isnan().any()
    with torch.no_grad():
        net.weight.copy_(good)
    assert top(net)[""].isfinite().all()


def test_a_normalized_network_is_read_as_it_is_used():
    net = nn.Sequential(nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 40))
    spectral_norm(net, mode="hard").refresh(300)
    for values in LeadingValues(2)(net).values():
        assert float(values[0]) == pytest.approx(1, rel=1e-4)
        assert not values.requires_grad
