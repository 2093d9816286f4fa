"""Cells around examples, and distances between shares of them, against scipy, chi-square and pooling by hand."""

import math

import pytest
import torch
from corner_points import points
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2

from steadygan.monitoring.partition import Partition, coverage, divergence, flattened, kmeans, squared_distances, variation


def test_columns_of_points_count_alike():
    reference = points(200) * torch.tensor([1e-3, 1e4])
    cells = Partition.around(reference, 4)
    assert cells.reference == pytest.approx(torch.full((4,), 0.25))
    means = torch.stack([reference[corner::4].mean(0) for corner in range(4)]).double()
    found = (cells.centres * cells.scale).sort(0).values
    assert found == pytest.approx(means.sort(0).values, rel=1e-4)  # six digits, and float32
    constant = Partition.around(torch.cat([reference, torch.full((200, 1), 7.0)], dim=1), 4)
    assert constant.reference == pytest.approx(torch.full((4,), 0.25))


@pytest.mark.parametrize(
    ("shape", "values"),
    [
        ((2,), 2),
        ((300,), 300),
        ((1, 8, 8), 64),
        ((1, 28, 28), 196),
        ((3, 32, 32), 192),
        ((3, 64, 48), 240),
        ((200, 4, 16), 200),
        ((3, 4, 64, 64), 192),
    ],
)
def test_images_are_averaged_to_at_most_256_values(shape, values):
    examples = torch.rand(5, *shape)
    assert flattened(examples).shape == (5, values)
    assert flattened(examples).mean(1) == pytest.approx(examples.flatten(1).mean(1).double(), abs=0.05)


def test_pooling_by_hand():
    image = torch.arange(32.0).repeat(32, 1)[None, None]  # a ramp: 1024 pixels -> 16 x 16
    assert torch.equal(flattened(image)[0], (torch.arange(16) * 2 + 0.5).repeat(16).double())
    assert flattened(torch.rand(2, 300, 4, 4)).shape == (2, 300)  # more channels than values: one each


def test_every_centre_is_the_mean_of_its_members():
    x = torch.randn(500, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    centres = kmeans(x, 6)
    nearest = squared_distances(x, centres).argmin(1)
    means = torch.stack([x[nearest == cell].mean(0) for cell in range(6)])
    # after 25 rounds it need not have settled: the last ones move a hundredth of the spread
    assert torch.allclose(centres, means, atol=0.02)
    assert torch.equal(kmeans(x, 6), centres)
    assert kmeans(x[:3].repeat(10, 1), 6).shape == (3, 5)


def test_divergences_agree_with_scipy():
    p, q = torch.rand(2, 7, 5, dtype=torch.float64).softmax(-1)
    assert divergence(p, q) == pytest.approx(torch.tensor(jensenshannon(p, q, axis=1) ** 2))
    assert divergence(torch.eye(2), torch.eye(2).flip(0)) == pytest.approx(torch.full((2,), math.log(2)))
    assert variation(torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.0, 0.5, 0.5])) == 0.5


def test_a_cell_is_covered_from_a_tenth_of_its_fair_share():
    fair = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    assert coverage(torch.tensor([0.9, 0.029, 0.071], dtype=torch.float64), fair) == pytest.approx(2 / 3)


@pytest.mark.parametrize("n", [128, 1024])
def test_floor_of_the_divergence_is_that_of_chi_square(n):
    """8 times JS over the sum of 1/n and 1/N is chi-square with K - 1 degrees of freedom for large n."""
    cells = Partition(torch.ones(1), torch.zeros(10, 2), torch.full((10,), 200.0, dtype=torch.float64))
    expected = chi2.ppf(0.95, 9) / 8 * (1 / n + 1 / 2000)
    # 400 draws know their 95% quantile to 0.012 / density: 7%; the next order of JS adds a share of K / n
    assert cells.floors(n)["js"] == pytest.approx(expected, rel=0.2)


def test_floors_hold_for_reals_that_were_never_seen():
    random = torch.Generator().manual_seed(3)
    cells = Partition.around(torch.randn(2048, 2, generator=random), 25)
    floors = cells.floors(128)
    shares = torch.stack([cells.shares(cells.features(torch.randn(128, 2, generator=random))) for _ in range(300)])
    above = (divergence(shares, cells.reference) > floors["js"]).double().mean()
    below = (coverage(shares, cells.reference) < floors["coverage"]).double().mean()
    churn = (variation(shares[1:], shares[:-1]) > floors["churn"]).double().mean()
    # 5% is due, in 300 draws give or take 1.3 points; coverage moves in steps, so its floor may be below its quantile
    assert 0.01 < above < 0.1
    assert below < 0.1
    assert 0.01 < churn < 0.1
