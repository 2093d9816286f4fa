"""Recall and coverage by balls: against the metric, with copies, and the floor."""

import pytest
import torch

from steadygan.evaluation.neighbours import prdc
from steadygan.monitoring.reach import floor, reach


def test_reach_agrees_with_the_metric():
    random = torch.Generator().manual_seed(2)
    real, fake = torch.randn(90, 6, generator=random), torch.randn(90, 6, generator=random) * 0.7
    expected = prdc(real, fake, 5)
    assert reach(real.double(), fake.double()) == {name: expected[name] for name in ("recall", "coverage")}


def test_copies_are_in_reach_of_one_another():
    """Six of each, so that all balls have radius 0: rounding must not decide."""
    x = torch.randn(10, 50, generator=torch.Generator().manual_seed(5), dtype=torch.float64).repeat(6, 1) + 3
    assert reach(x, x.flip(0)) == {"recall": 1, "coverage": 1}


def test_floor_of_reach_is_the_mean_over_disjoint_reals():
    blocks = torch.randn(4, 40, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    found = [reach(blocks[0], other)["recall"] for other in blocks[1:]]
    assert floor(blocks)["recall"] == pytest.approx(sum(found) / 3)
