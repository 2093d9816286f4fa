import math

import pytest
import torch
from torch import nn

from steadygan.losses import Hinge, NonSaturating, Wasserstein
from steadygan.stabilizers import AdversarialTraining
from steadygan.stabilizers.adversarial_training import projected, size, steepest

norms = pytest.mark.parametrize("norm", ["linf", "l2"])


class Wavy(nn.Module):
    """A smooth discriminator with another slope everywhere."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 1), nn.Flatten(0))

    def forward(self, images, label):
        return self.layers(images)


@pytest.mark.parametrize("image", [False, True])
@pytest.mark.parametrize("n_steps", [1, 2, 5])
@pytest.mark.parametrize(("norm", "drop"), [("linf", 0.1 * (3 + 4)), ("l2", 0.1 * math.sqrt(2) * 5)])
def test_drop_of_a_plane_by_hand(plane, make_batch, norm, drop, n_steps, image):
    """Slope (3, 4): changes of 0.1 each lower the logit by 0.7; one of length 0.1 sqrt 2, along the slope, by 5 times it."""
    batch = make_batch(image, loss=Wasserstein().discriminator)
    stabilizer = AdversarialTraining(radius=0.1, norm=norm, n_steps=n_steps)
    real, fake = (plane(images, None).mean().item() for images in (batch.real, batch.fake))
    assert stabilizer.penalty(plane, batch).item() == pytest.approx(fake - (real - drop), abs=1e-5)  # float32 of size 1
    both = stabilizer.model_copy(update={"fakes": True, "weight": 2.0}).penalty(plane, batch).item()
    assert both == pytest.approx(2 * ((fake + drop) - (real - drop)), abs=2e-5)


def test_each_side_is_attacked_with_its_own_label(plane, make_batch):
    one, two = torch.ones(6, dtype=torch.int64), torch.full((6,), 2)
    batch = make_batch(label=one, fake_label=two, loss=Wasserstein().discriminator)
    real, fake = 2 * plane(batch.real, None).mean().item(), 3 * plane(batch.fake, None).mean().item()
    penalty = AdversarialTraining(radius=0.1, fakes=True).penalty(plane, batch).item()
    assert penalty == pytest.approx((fake + 3 * 0.7) - (real - 2 * 0.7), abs=1e-5)  # float32 of size 1


@norms
def test_attacks_stay_in_the_ball_and_find_what_noise_does_not(norm):
    torch.manual_seed(0)
    discriminator, images = Wavy(), torch.rand(50, 1, 4, 4) * 2 - 1
    before = discriminator(images, None)
    for sign in (-1, 1):
        changed = AdversarialTraining(radius=0.05, norm=norm).attacked(discriminator, images, None, sign)
        change = changed - images
        largest = change.abs().max() if norm == "linf" else size(change).max()
        assert largest <= 0.05 * (1 + 1e-5)  # the sum with an image rounds at 2^-24 of it
        noise = 0.05 * torch.randn_like(images).sign()
        gained = sign * (discriminator(changed, None) - before)
        assert (gained > sign * (discriminator(images + noise, None) - before)).all()


def test_more_steps_are_at_least_as_good_on_average():
    torch.manual_seed(0)
    discriminator, images = Wavy(), torch.rand(50, 1, 4, 4) * 2 - 1
    with torch.no_grad():
        for parameter in discriminator.parameters():
            parameter.mul_(4)  # curved enough for one straight step to miss
    found = [AdversarialTraining(radius=0.5, n_steps=n).attacked(discriminator, images, None, -1) for n in (1, 20)]
    once, often = (discriminator(changed, None).mean() for changed in found)
    assert often < once


def test_images_beyond_the_margin_are_attacked_too(plane, make_batch):
    """A real logit of 1.3 costs a hinge nothing and has no slope there; lowered by 0.7 it costs 0.4."""
    real = torch.full((6, 2), 1.3 / 7)
    batch = make_batch(real=real, fake=-torch.ones(6, 2), loss=Hinge().discriminator)
    # float32 of size 1
    assert AdversarialTraining(radius=0.1).penalty(plane, batch).item() == pytest.approx(1 - (1.3 - 0.7), abs=1e-5)


def test_without_a_loss_it_is_the_non_saturating_one(plane, make_batch):
    with_loss = make_batch(loss=NonSaturating().discriminator)
    assert torch.equal(AdversarialTraining().penalty(plane, make_batch()), AdversarialTraining().penalty(plane, with_loss))


@norms
def test_a_flat_discriminator_is_left_alone(plane, make_batch, norm):
    nn.init.zeros_(plane.a)
    images = make_batch().real
    assert torch.equal(AdversarialTraining(norm=norm).attacked(plane, images, None, 1), images)
    AdversarialTraining(norm=norm, fakes=True).penalty(plane, make_batch()).backward()
    assert torch.isfinite(plane.a.grad).all()


def test_l2_step_and_projection_in_numbers():
    gradient = torch.tensor([[3.0, 4.0]])  # root mean square 5 / sqrt 2
    assert torch.allclose(steepest(gradient, "l2"), gradient * math.sqrt(2) / 5)
    assert torch.allclose(projected(gradient, 1.0, "l2"), gradient * math.sqrt(2) / 5)
    assert torch.equal(projected(gradient, 10.0, "l2"), gradient)
    assert projected(gradient, 3.5, "linf").tolist() == [[3.0, 3.5]]


def test_leaves_no_gradient_of_the_search_behind(plane, make_batch):
    batch = make_batch(loss=Wasserstein().discriminator)
    penalty = AdversarialTraining(radius=0.1).penalty(plane, batch)
    assert plane.a.grad is None
    assert not batch.real.requires_grad
    penalty.backward()
    expected = batch.fake.mean(0) - (batch.real - 0.1).mean(0)  # d / d a of mean a . fake - mean a . (real - 0.1)
    assert torch.allclose(plane.a.grad, expected, atol=1e-6)  # float32 of size 1


def test_autocast_is_off_in_the_search():
    torch.manual_seed(0)
    discriminator, images = Wavy(), torch.rand(5, 1, 4, 4)
    exact = AdversarialTraining(norm="l2").attacked(discriminator, images, None, 1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(AdversarialTraining(norm="l2").attacked(discriminator, images, None, 1), exact)


@pytest.mark.parametrize("settings", [{"weight": 0}, {"every": 2}])
def test_off(plane, make_batch, settings):
    assert AdversarialTraining(**settings).penalty(plane, make_batch(step=1)) is None


def test_every_third_step_three_times_as_hard(plane, make_batch):
    often, rare = (AdversarialTraining(every=every).penalty(plane, make_batch(step=3)).item() for every in (1, 3))
    assert rare == pytest.approx(3 * often, rel=1e-6)
