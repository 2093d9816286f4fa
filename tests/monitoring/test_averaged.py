import math

import pytest
import torch
from torch import nn

from steadygan.game import Networks
from steadygan.monitoring import Averaged

NETWORKS = Networks(nn.Identity(), nn.Identity())
REAL = torch.tensor([[1.0, -3.0], [3.0, 3.0]])  # variances 1 and 9


def measure(batch):
    return Averaged().measure(NETWORKS, batch)


def test_the_mean_difference_in_standard_deviations_of_the_reals(make_batch):
    fake, averaged = torch.tensor([[0.0, 0.0], [0.0, 0.0]]), torch.tensor([[1.0, -2.0], [0.0, 3.0]])
    assert measure(make_batch(REAL, fake, averaged=averaged)) == {"ema/sample_gap": pytest.approx(1.5 / math.sqrt(5))}


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e30])
def test_it_knows_no_unit(scale, make_batch):
    fake, averaged = torch.zeros(4, 1, 2, 2), torch.ones(4, 1, 2, 2)
    real = torch.randn(4, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    expected = measure(make_batch(real, fake, averaged=averaged))
    # each float32 product is rounded to 6e-8
    assert measure(make_batch(scale * real, scale * fake, averaged=scale * averaged)) == pytest.approx(expected, rel=1e-6)


def test_a_generator_that_is_its_average_has_no_gap(make_batch):
    assert measure(make_batch(REAL, REAL + 1, averaged=REAL + 1)) == {"ema/sample_gap": 0.0}


@pytest.mark.parametrize(
    ("real", "fake", "averaged"),
    [
        (REAL, REAL, None),
        (REAL, torch.full((2, 2), math.nan), REAL),
        (REAL, REAL, torch.full((2, 2), math.inf)),
        (torch.full((2, 2), math.nan), REAL, REAL),
        (torch.ones(2, 2), REAL, REAL + 1),
        (torch.ones(1, 2), REAL[:1], REAL[:1]),
    ],
)
def test_nothing_is_said_where_nothing_can_be(real, fake, averaged, make_batch):
    assert measure(make_batch(real, fake, averaged=averaged)) == {}
