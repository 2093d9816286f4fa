"""Several paths from the input, and factors that are made of the label."""

import math

import pytest
import torch
import torch.nn.functional as F
from spectral_factors import Fn, upper
from torch import nn

from steadygan.spectral.lipschitz import lipschitz


def test_a_residual_block_is_one_steeper_than_its_branch():
    branch = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 4))
    alone = upper(branch, (4,))
    assert upper(Fn(lambda x, f: x + f(x), branch), (4,)) == pytest.approx(1 + alone, rel=1e-12)
    assert upper(Fn(lambda x, f: x - 0.5 * f(x), branch), (4,)) == pytest.approx(1 + 0.5 * alone, rel=1e-12)


def test_joined_outputs_are_one_vector():
    linear = nn.Linear(4, 8).double()
    sigma = float(torch.linalg.matrix_norm(linear.weight.detach(), 2))
    for join in (lambda a, b: (a, b), lambda a, b: {"a": a, "b": [b]}, lambda a, b: torch.cat([a, b], 1)):
        assert upper(Fn(lambda x, f, join=join: join(x, f(x)), linear), (4,)) == pytest.approx(math.hypot(1, sigma), rel=1e-10)


def test_where_and_masked_fill_by_constants():
    mask = torch.tensor([True, False, True])
    assert upper(lambda x: torch.where(mask, x, 2 * x), (3,)) == pytest.approx(math.sqrt(5))
    assert upper(lambda x: x.masked_fill(mask, 7.0), (3,)) == 1


@pytest.mark.parametrize("label_dependent", [False, True])
def test_what_is_made_of_the_label(label_dependent):
    """A projection: the class embedding is bounded by its largest entry over all classes, not by that of the label at hand."""

    class Projection(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(3, 4)

        def forward(self, x, label):
            row = self.table(label)
            return (x * (row.exp() if label_dependent else row.view(len(x), 4))).sum(1)

    network = Projection().eval()
    with torch.no_grad():
        network.table.weight.copy_(torch.tensor([[1.0, 1, 1, 1], [-5, -5, -5, -5], [2, 2, 2, 2]]))
    bounds = lipschitz(network, (4,))
    if label_dependent:
        assert bounds.unknown == ("Projection: mul by a factor that is not finite or depends on the label",)
    else:
        assert bounds.upper == pytest.approx(10)  # label 1; the search held label 0
        assert bounds.lower == pytest.approx(2, rel=1e-4)


def test_a_matrix_made_of_the_label_is_named():
    class Hyper(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(3, 12)

        def forward(self, x, label):
            return F.linear(x, self.table(label)[0].view(3, 4))

    (found,) = lipschitz(Hyper().eval(), (4,)).unknown
    assert found == "Hyper: linear with a weight that depends on the label"
