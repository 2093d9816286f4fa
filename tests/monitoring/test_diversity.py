import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist
from torch import nn

from steadygan.game import Networks
from steadygan.monitoring import Diversity
from steadygan.monitoring.diversity import effective_rank, gram

NETWORKS = Networks(nn.Identity(), nn.Identity())


def images(n, seed=0):
    return torch.randn(n, 2, 3, 3, generator=torch.Generator().manual_seed(seed))


def measure(batch, **settings):
    return Diversity(**settings).measure(NETWORKS, batch)


def test_half_the_spread_in_the_same_directions(make_batch):
    readings = measure(make_batch(images(20), 0.5 * images(20) + 3))
    # moving by 3 rounds float32 pixels by 2^-23 of 3 or so, against distances near 4
    assert readings == {
        "diversity/pairwise_ratio": pytest.approx(0.5, rel=1e-6),
        "diversity/trace_ratio": pytest.approx(0.25, rel=1e-6),
        "diversity/effective_rank_ratio": pytest.approx(1, rel=1e-6),
    }


def test_distances_agree_with_scipy(make_batch):
    real, fake = images(30), images(30, seed=1) ** 2
    expected = pdist(fake.flatten(1).double()).mean() / pdist(real.flatten(1).double()).mean()
    # float64: a distance is the root of a difference of numbers near 100, so it has at least 7 digits
    assert measure(make_batch(real, fake))["diversity/pairwise_ratio"] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("n", [10, 40])  # fewer and more than the 18 pixels
def test_effective_rank_agrees_with_the_covariance(n):
    eigenvalues = np.linalg.eigvalsh(np.cov(images(n).flatten(1).double().numpy().T)).clip(1e-300)
    shares = eigenvalues / eigenvalues.sum()
    assert effective_rank(gram(images(n))) == pytest.approx(np.exp(-(shares * np.log(shares)).sum()), rel=1e-9)


def test_fakes_on_a_line_have_rank_one(make_batch):
    fake = torch.linspace(-1, 1, 20).reshape(20, 1, 1, 1) * images(1)
    expected = 1 / effective_rank(gram(images(20)))
    # float32 rounding of the line is noise of 1e-7 a pixel, whose variance is 1e-14 of the line's
    assert measure(make_batch(images(20), fake))["diversity/effective_rank_ratio"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("noise", [0.0, 1e-7])
def test_one_and_the_same_image(noise, make_batch):
    fake = images(1).expand(20, 2, 3, 3) + noise * images(20)
    readings = measure(make_batch(images(20), fake))
    # the rank of float32 noise is left out
    assert readings == {
        "diversity/pairwise_ratio": pytest.approx(0, abs=1e-6),
        "diversity/trace_ratio": pytest.approx(0, abs=1e-12),
    }


def test_within_class_sees_a_collapse_that_the_whole_hides(make_batch):
    """One image a class: as far apart as the classes are, and nothing within any."""
    label = torch.arange(3).repeat(10)
    centres = 10 * images(3, seed=5)[label]
    batch = make_batch(centres + images(30), centres, label=label, fake_label=label)
    readings = measure(batch)
    assert readings["diversity/pairwise_ratio"] == pytest.approx(1, abs=0.1)
    assert readings["diversity/within_class"] == pytest.approx(0, abs=1e-6)


def test_within_class_by_hand(make_batch):
    real, fake = torch.tensor([[0.0], [2.0], [10.0], [16.0], [50.0]]), torch.tensor([[0.0], [3.0], [9.0], [7.0], [90.0]])
    batch = make_batch(real, fake, label=torch.tensor([0, 0, 1, 1, 4]), fake_label=torch.tensor([0, 0, 0, 2, 2]))
    # class 0 is the only one with a pair on both sides: reals 2; fakes 3, 6 and 9
    assert measure(batch)["diversity/within_class"] == pytest.approx(6 / 2)
    alone = make_batch(real, fake, label=torch.arange(5), fake_label=torch.arange(5))
    assert "diversity/within_class" not in measure(alone)


def test_both_sides_at_equal_n(make_batch):
    real, fake = images(40), images(25, seed=1)
    assert measure(make_batch(real, fake)) == measure(make_batch(real[:25], fake))
    assert measure(make_batch(real, fake), n=7) == measure(make_batch(real[:7], fake[:7]))


def test_points_and_large_numbers(make_batch):
    real, fake = torch.randn(10, 2), torch.randn(10, 2)
    small, large = measure(make_batch(real, fake)), measure(make_batch(1e30 * real, 1e30 * fake))
    assert large == pytest.approx(small, rel=1e-5)  # 1e30 * x is rounded to float32


@pytest.mark.parametrize(
    ("real", "fake"),
    [
        (torch.full((4, 2), math.nan), torch.randn(4, 2)),
        (torch.randn(4, 2), torch.full((4, 2), math.inf)),
        (torch.zeros(4, 2), torch.randn(4, 2)),
        (torch.zeros(1, 2), torch.zeros(1, 2)),
    ],
)
def test_nothing_is_said_where_nothing_can_be(real, fake, make_batch):
    assert measure(make_batch(real, fake)) == {}
