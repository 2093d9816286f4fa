import math

import pytest
import torch
from bowl import Bowl
from torch import nn

from steadygan.game import Networks
from steadygan.monitoring import InputGradient


def test_mean_of_each_samples_own_norm(make_batch):
    real, fake = torch.tensor([[3.0, 4.0], [0.0, 0.0]]), torch.tensor([[5.0, 12.0], [8.0, 15.0]])
    networks = Networks(nn.Identity(), Bowl())
    expected = {"grad_norm/fake_images": (13 + 17) / 2, "grad_norm/real_images": 2.5}
    assert InputGradient().measure(networks, make_batch(real, fake)) == expected
    images = [points.reshape(2, 1, 2, 1) for points in (real, fake)]
    with torch.no_grad():
        assert InputGradient().measure(networks, make_batch(*images)) == expected
    labels = {"label": torch.tensor([2, 2]), "fake_label": torch.tensor([4, 4])}
    assert InputGradient().measure(networks, make_batch(real, fake, **labels)) == {
        "grad_norm/fake_images": 60,
        "grad_norm/real_images": 5,
    }


def test_a_broken_discriminator_is_told_not_raised(make_batch):
    points = torch.full((2, 2), math.nan)
    readings = InputGradient().measure(Networks(nn.Identity(), Bowl()), make_batch(points, points))
    assert readings == pytest.approx({"grad_norm/fake_images": math.nan, "grad_norm/real_images": math.nan}, nan_ok=True)


def test_only_the_first_images_of_each_side_are_looked_at(make_batch):
    real, fake = (torch.cat([torch.full((2, 1), low), torch.full((6, 1), 100.0)]) for low in (1.0, 2.0))
    labels = {"label": torch.tensor([3, 3] + [9] * 6), "fake_label": torch.tensor([5, 5] + [9] * 6)}
    readings = InputGradient(n=2).measure(Networks(nn.Identity(), Bowl()), make_batch(real, fake, **labels))
    assert readings == {"grad_norm/fake_images": 10, "grad_norm/real_images": 3}
