import pytest
import torch
from torch import nn

from steadygan.errors import NetworkError
from steadygan.stabilizers import R1, R2, Dragan, GradientPenalty
from steadygan.stabilizers.gradient_penalty import (
    input_gradient,
    interpolates,
    squared_distance_to_slope,
    squared_gradient_norm,
    surroundings,
)

ALL = [R1(), R2(), GradientPenalty(), Dragan()]
names = pytest.mark.parametrize("stabilizer", ALL, ids=[stabilizer.name for stabilizer in ALL])


class Bowl(nn.Module):
    """logit = |x|^2 / 2, whose gradient is x itself."""

    def forward(self, images, label):
        return images.flatten(1).square().sum(1) / 2


class Mlp(nn.Module):
    """tanh(x W'), summed: smooth, so that derivatives of its gradient can be checked by differences."""

    def __init__(self, weight):
        super().__init__()
        self.weight = weight

    def forward(self, images, label):
        return torch.tanh(images @ self.weight.T).sum(1)


@pytest.mark.parametrize("image", [False, True])
@pytest.mark.parametrize(
    ("stabilizer", "expected"),
    [
        (R1(gamma=2), 25.0),
        (R2(gamma=2), 25.0),
        (GradientPenalty(weight=10), 10 * (5 - 1) ** 2),
        (GradientPenalty(weight=10, target=5), 0.0),
        (Dragan(weight=10), 10 * (5 - 1) ** 2),
    ],
)
def test_closed_form_on_a_plane_of_slope_five(stabilizer, expected, image, plane, make_batch):
    assert stabilizer.penalty(plane, make_batch(image)).item() == expected


def test_gradient_of_r1_in_the_weights_is_gamma_times_the_weights(plane, make_batch):
    R1(gamma=2).penalty(plane, make_batch()).backward()
    assert torch.equal(plane.a.grad, 2 * plane.a.detach())


def test_each_sample_has_its_own_norm(make_batch):
    real = make_batch().real
    assert torch.allclose(squared_gradient_norm(Bowl(), real, None), real.square().sum(1), rtol=1e-6)  # a sum of 2 squares


def test_derivative_of_the_penalties_matches_differences():
    random = torch.Generator().manual_seed(0)
    points, weight = (torch.randn(4, 3, dtype=torch.float64, generator=random) for _ in range(2))

    def penalties(weight):
        discriminator = Mlp(weight)
        slopes = squared_distance_to_slope(discriminator, points, None, 1.0)
        return squared_gradient_norm(discriminator, points, None).mean(), slopes.mean()

    assert torch.autograd.gradcheck(penalties, weight.requires_grad_(True))


@names
def test_every_third_step_three_times_as_hard(stabilizer, plane, make_batch):
    rare = stabilizer.model_copy(update={"every": 3})
    often = stabilizer.penalty(plane, make_batch(step=3))
    assert rare.penalty(plane, make_batch(step=3)).item() == pytest.approx(3 * often.item(), rel=1e-6)
    assert rare.penalty(plane, make_batch(step=4)) is None


@names
def test_each_side_is_judged_with_its_own_label(stabilizer, plane, make_batch):
    one, two = torch.ones(6, dtype=torch.int64), torch.full((6,), 2)
    steepness = 3 if stabilizer.name == "r2" else 2  # 1 + label, of the fake or of the real image
    expected = stabilizer.penalty(_steeper(plane, steepness), make_batch()).item()
    assert stabilizer.penalty(plane, make_batch(label=one, fake_label=two)).item() == pytest.approx(expected, rel=1e-6)


def _steeper(plane, factor):
    steeper = type(plane)()
    steeper.a = nn.Parameter(factor * plane.a.detach())
    return steeper


@names
def test_a_dead_discriminator_gets_a_finite_gradient(stabilizer, plane, make_batch):
    nn.init.zeros_(plane.a)
    stabilizer.penalty(plane, make_batch()).backward()
    assert torch.equal(plane.a.grad, torch.zeros(2))


@names
def test_leaves_the_batch_alone_and_draws_from_it_only(stabilizer, plane, make_batch):
    batch, before = make_batch(), torch.get_rng_state()
    stabilizer.penalty(plane, batch)
    assert torch.equal(torch.get_rng_state(), before)
    assert not batch.real.requires_grad
    assert not batch.fake.requires_grad
    assert plane.a.grad is None


@names
def test_logits_of_the_wrong_shape_are_refused(stabilizer, make_batch):
    class Column(nn.Module):
        def forward(self, images, label):
            return images[:, :1]

    with pytest.raises(NetworkError, match="flatten"):
        stabilizer.penalty(Column(), make_batch())


def test_autocast_is_off_inside():
    """Under bfloat16 the gradient of this layer would be off by up to 2^-9; here it is the float32 one to the bit."""
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0))
    discriminator, points = Bowl(), torch.randn(5, 8, requires_grad=True)
    discriminator.forward = lambda images, label: layers(images)
    (exact,) = torch.autograd.grad(layers(points).sum(), points)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layers(points).dtype == torch.bfloat16
        assert torch.equal(input_gradient(discriminator, points, None), exact)
    assert input_gradient(Bowl(), points.bfloat16(), None).dtype == torch.float32


def test_interpolates_share_one_random_weight_a_sample():
    random = torch.Generator().manual_seed(0)
    between = interpolates(torch.ones(50, 3, 2, 2), torch.zeros(50, 3, 2, 2), random).flatten(1)
    assert torch.equal(between, between[:, :1].expand(-1, 12))
    assert between.min() >= 0
    assert between.max() <= 1
    assert len(between[:, 0].unique()) == 50
    assert abs(between[:, 0].mean() - 0.5) < 4 * (1 / 12 / 50) ** 0.5  # four standard errors of a uniform mean


def test_interpolates_reach_from_fake_to_real():
    real, fake = torch.full((2000, 1), 3.0), torch.full((2000, 1), -1.0)
    between = interpolates(real, fake, torch.Generator().manual_seed(0))
    assert between.min() == pytest.approx(-1, abs=0.03)  # the extreme of 2000 uniform draws on a length of 4: 4/2000 * 15
    assert between.max() == pytest.approx(3, abs=0.03)


def test_surroundings_have_the_stated_spread():
    real = 3 * torch.randn(400, 250, generator=torch.Generator().manual_seed(0)) + 7
    noise = surroundings(real, 0.5, torch.Generator().manual_seed(1)) - real
    error = 5 / (2 * noise.numel()) ** 0.5  # five standard errors of a standard deviation
    assert noise.std().item() == pytest.approx(0.5 * real.std().item(), rel=error)
    assert abs(noise.mean().item()) < 5 * noise.std().item() / noise.numel() ** 0.5
