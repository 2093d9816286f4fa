import math

import pytest
import torch

from steadygan.errors import ConfigError, EvaluationError
from steadygan.evaluation import METRICS, ModeCoverage

CORNERS = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0))
METRIC = ModeCoverage(centers=CORNERS, std=0.01)


def compare(samples, points, metric=METRIC):
    fakes = samples(torch.as_tensor(points, dtype=torch.float32))
    return metric.compare(fakes, fakes)


def test_a_case_counted_by_hand(samples):
    """Two samples on one corner, one 2 std from another, one 4 std from a third: two modes, 3/4 good, shares 1/2 1/4 1/4 0."""
    scores = compare(samples, [[0, 0], [0, 0], [0.02, 1], [1.04, 0]])
    assert scores["modes"] == 2
    assert scores["high_quality"] == 0.75
    assert scores["reverse_kl"] == pytest.approx(0.5 * math.log(2))


def test_a_perfect_generator(samples):
    """A 2-D Gaussian lies within 3 std with probability 1 - exp(-4.5); 20,000 tell to 0.0007; allow 4 times that."""
    points = torch.tensor(CORNERS).repeat(5000, 1) + 0.01 * torch.randn(20000, 2)
    scores = compare(samples, points)
    assert scores["modes"] == 4
    assert scores["high_quality"] == pytest.approx(1 - math.exp(-4.5), abs=0.003)
    assert scores["reverse_kl"] == pytest.approx(0, abs=1e-12)


def test_collapse_to_one_mode(samples):
    scores = compare(samples, [[1, 1]] * 10)
    assert (scores["modes"], scores["high_quality"]) == (1, 1)
    assert scores["reverse_kl"] == pytest.approx(math.log(4))


def test_nothing_but_noise_covers_nothing(samples):
    assert compare(samples, [[0.5, 0.5], [7, 7]])["modes"] == 0


def test_settings_come_from_a_config_and_go_back():
    settings = {"name": "modes", "centers": [[0, 0], [0, 1], [1, 0], [1, 1]], "std": 0.01}
    assert METRICS.build(settings) == METRIC
    assert METRICS.build(METRIC.spec()) == METRIC
    with pytest.raises(ConfigError, match=r"metric\.centers"):
        METRICS.build("modes")


def test_points_of_another_dimension_are_named(samples):
    with pytest.raises(EvaluationError, match="points have 3 coordinates"):
        compare(samples, torch.zeros(4, 3))
