import sys

import numpy as np
import pytest
import scipy.stats
import torch

from steadygan.errors import EvaluationError
from steadygan.evaluation import METRICS, Wasserstein1

EPSILON = torch.finfo(torch.float32).eps


def compare(samples, x, y, metric=None):
    return (metric or Wasserstein1()).compare(samples(x), samples(y))["wasserstein_1"]


@pytest.mark.parametrize("shift", [(3.0, 4.0), (0.001, 0.0), (-7.0, 24.0)])
def test_a_shifted_cloud_is_as_far_as_it_was_shifted(samples, shift):
    """In any order of its points. Float32 coordinates of about 30 are off by 30 half-epsilons at most, on each axis."""
    cloud = torch.randn(200, 2)
    moved = cloud[torch.randperm(200)] + torch.tensor(shift)
    assert compare(samples, cloud, moved) == pytest.approx(torch.tensor(shift).double().norm().item(), abs=30 * EPSILON)


def test_on_a_line_it_is_scipys(samples):
    random = np.random.default_rng(0)
    x, y = random.normal(size=300), random.exponential(size=300)
    expected = scipy.stats.wasserstein_distance(x.astype(np.float32), y.astype(np.float32))
    found = compare(samples, *(torch.tensor(values, dtype=torch.float32)[:, None] for values in (x, y)))
    assert found == pytest.approx(expected, rel=1e-12)  # both in float64, sums of 300 terms


def test_three_points_paired_by_hand(samples):
    """Crossing over costs 2 + 2 + 0, staying 0 + 0 + 5; the nearest of each would send two fakes to one real."""
    x, y = torch.tensor([[0.0, 0.0], [2.0, 0.0], [9.0, 0.0]]), torch.tensor([[2.0, 0.0], [0.0, 0.0], [9.0, 5.0]])
    assert compare(samples, x, y) == pytest.approx(5 / 3)
    x, y = torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [1.5]])
    assert compare(samples, x, y) == pytest.approx(0.75)  # nearest neighbours alone would say 0.25


def test_it_is_a_distance(samples):
    x, y, z = (torch.randn(60, 3) for _ in range(3))
    assert compare(samples, x, x) == 0
    assert compare(samples, x, y) == pytest.approx(compare(samples, y, x), rel=1e-12)
    assert compare(samples, x, z) <= compare(samples, x, y) + compare(samples, y, z)


def test_only_so_many_are_looked_at(samples):
    few = Wasserstein1(most=5)
    x = torch.cat([torch.zeros(5, 2), torch.full((5, 2), 100.0)])
    assert compare(samples, x, torch.zeros(20, 2), few) == 0
    assert compare(samples, x[:3], torch.zeros(20, 2), few) == 0
    assert few.title(None) == "W1 of at most 5 points"
    assert METRICS.build({"name": "wasserstein_1", "most": 5}) == few


def test_without_scipy_it_says_what_to_install(samples, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(EvaluationError, match=r"scipy is not installed; pip install 'steadygan\[study\]'"):
        compare(samples, torch.zeros(2, 2), torch.zeros(2, 2))
