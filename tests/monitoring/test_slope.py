import math

import pytest
import torch
from bowl import Bowl
from torch import nn

from steadygan.game import Networks
from steadygan.monitoring import DEFAULT_PROBES, CriticSlope
from steadygan.monitoring.slope import between
from steadygan.spectral import spectral_norm
from steadygan.stabilizers.gradient_penalty import input_gradient


def measure(batch, discriminator=None, **settings):
    return CriticSlope(**settings).measure(Networks(nn.Identity(), discriminator or Bowl()), batch)


def test_a_linear_critic_is_as_steep_everywhere(make_batch):
    """|a| = 5: a mean of equal numbers, exact in float32 as they are."""

    class Line(nn.Module):
        def forward(self, images, label):
            return images @ torch.tensor([3.0, 4.0])

    assert measure(make_batch(torch.randn(9, 2), torch.randn(9, 2)), Line()) == {"slope/largest": 5, "slope/mean": 5}


def test_reals_fakes_and_the_lines_between_them_count(make_batch):
    """Lengths are those of the points: 13 and 5 at the ends of the only line, and one between them on it."""
    real, fake = torch.tensor([[13.0, 0.0]]), torch.tensor([[5.0, 0.0]])
    middle = between(real, fake).norm().item()
    assert 5 < middle < 13
    expected = {"slope/largest": 13, "slope/mean": pytest.approx((13 + 5 + middle) / 3, rel=1e-6)}  # float32
    assert measure(make_batch(real, fake)) == expected
    assert measure(make_batch(fake, real)) == {**expected, "slope/mean": pytest.approx((18 + 18 - middle) / 3, rel=1e-6)}
    images = [points.reshape(1, 2, 1, 1) for points in (real, fake)]
    with torch.no_grad():
        assert measure(make_batch(*images)) == expected


def test_the_steepest_place_can_lie_on_a_line(make_batch):
    class Step(nn.Module):
        """Flat at -1 and 1, with slope pi / 2 at 0."""

        def forward(self, images, label):
            return torch.sin(math.pi / 2 * images).flatten()

    found = measure(make_batch(torch.full((64, 1), 1.0), torch.full((64, 1), -1.0)), Step())
    assert 1.5 < found["slope/largest"] <= math.pi / 2  # of 64 places some are within a fifth of the middle
    assert found["slope/mean"] < found["slope/largest"] / 2


def test_a_point_between_classes_is_of_the_real_one(make_batch):
    real, fake = torch.full((4, 1), 1.0), torch.full((4, 1), 1.0)
    batch = make_batch(real, fake, label=torch.full((4,), 3), fake_label=torch.full((4,), 6))
    assert measure(batch) == {"slope/largest": 6, "slope/mean": 4}


def test_only_so_many_are_looked_at(make_batch):
    real, fake = (torch.cat([torch.full((2, 1), low), torch.full((6, 1), 100.0)]) for low in (1.0, 1.0))
    assert measure(make_batch(real, fake), n=2) == {"slope/largest": 1, "slope/mean": 1}
    assert measure(make_batch(real, fake[:2])) == {"slope/largest": 1, "slope/mean": 1}


def test_it_never_exceeds_what_normalized_layers_allow(make_batch):
    """Three layers of norm 1 and 1-Lipschitz activations: slope at most 1, but for the error of sigma, set to 1e-3 below."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
    spectral_norm(net, n_power_iterations=200)

    class Critic(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, images, label):
            return self.net(images)

    batch = make_batch(torch.randn(64, 2), torch.randn(64, 2))
    found = measure(batch, Critic())
    by_penalty = input_gradient(Critic(), between(batch.real, batch.fake), None).norm(dim=1)
    assert by_penalty.max().item() <= found["slope/largest"] * (1 + 1e-6)  # the same points, in float32
    assert 0 < found["slope/mean"] < found["slope/largest"] <= 1 + 1e-3


def test_a_broken_discriminator_is_told_not_raised(make_batch):
    points = torch.full((2, 2), math.nan)
    assert all(math.isnan(value) for value in measure(make_batch(points, points)).values())


def test_it_must_be_asked_for():
    assert CriticSlope().name not in {probe.name for probe in DEFAULT_PROBES}
    assert CriticSlope().full_precision
