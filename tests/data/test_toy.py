"""Mixtures of Gaussians against their own formula."""

import math

import pytest
import torch

from steadygan.data.toy import Grid, Ring
from steadygan.errors import DataError

BOTH = pytest.mark.parametrize("source", [Ring(), Grid()], ids=lambda source: source.name)


def test_the_published_protocol():
    ring, grid = Ring(), Grid()
    assert (ring.modes, ring.radius, ring.std, ring.count) == (8, 1, 0.01, 100_000)
    assert (len(grid.centers), grid.std, grid.count) == (25, 0.05, 100_000)
    assert sorted(set(grid.centers.flatten().tolist())) == [-4, -2, 0, 2, 4]
    assert len({tuple(center) for center in grid.centers.tolist()}) == 25


def test_ring_centers_lie_on_the_circle_at_equal_angles():
    centers = Ring(modes=5, radius=2).centers.double()
    assert torch.allclose(centers.norm(dim=1), torch.tensor(2.0).double(), atol=1e-6)
    neighbours = (centers - centers.roll(1, 0)).norm(dim=1)
    assert torch.allclose(neighbours, torch.full((5,), 4 * math.sin(math.pi / 5)).double(), atol=1e-6)


def test_an_even_grid_is_centred():
    assert Grid(side=2, spacing=3).centers.tolist() == [[-1.5, -1.5], [-1.5, 1.5], [1.5, -1.5], [1.5, 1.5]]


@BOTH
def test_points_are_the_mixture_they_claim(source):
    """Nearest mode gives back every draw; counts and spread are within 5 standard errors."""
    points, centers = source.open().examples, source.centers
    assert (points.dtype, tuple(points.shape)) == (torch.float32, (100_000, 2))
    mode = torch.cdist(points, centers).argmin(dim=1)
    share = 1 / len(centers)
    counts = mode.bincount(minlength=len(centers)) / len(points)
    assert (counts - share).abs().max() < 5 * math.sqrt(share * (1 - share) / len(points))
    offset = (points - centers[mode]) / source.std
    assert offset.mean(dim=0).abs().max() < 5 / math.sqrt(len(points))
    assert (offset.std(dim=0) - 1).abs().max() < 5 / math.sqrt(2 * len(points))
    within = (offset.norm(dim=1) < 3).float().mean()
    expected = 1 - math.exp(-4.5)  # of a two-dimensional Gaussian within three standard deviations
    assert abs(within - expected) < 5 * math.sqrt(expected * (1 - expected) / len(points))


@BOTH
def test_the_seed_decides(source):
    again, other = source.open().examples, source.model_copy(update={"seed": 1}).open().examples
    assert torch.equal(source.open().examples, again)
    assert not torch.equal(again, other)


@BOTH
def test_points_have_no_resolution(source):
    for asked in ({"resolution": 32}, {"channels": 3}):
        with pytest.raises(DataError, match=f"{source.name}: holds points"):
            source.open(**asked)
    survey = source.survey()
    assert (survey.count, survey.sizes, survey.class_counts) == (100_000, {}, {})
