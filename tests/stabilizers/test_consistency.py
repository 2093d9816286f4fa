import pytest
import torch

from steadygan.stabilizers import Consistency
from steadygan.stabilizers.gradient_penalty import surroundings


def mirrored(batch):
    """Which of 6 images are mirrored: two whole numbers a row for the shift are drawn first, then one uniform a row."""
    random = torch.Generator()
    random.set_state(batch.random.get_state())
    for _ in range(2):
        torch.randint(0, 1, (6, 1), generator=random)
    return torch.rand(6, 1, 1, 1, generator=random).flatten() < 0.5


def test_two_pixels_by_hand(plane, make_batch):
    """Images of 1 x 2 are shifted by nothing. Mirrored, 3 x + 4 y becomes 3 y + 4 x, which is x - y away."""
    batch = make_batch(image=True)
    which, (x, y) = mirrored(batch), batch.real.flatten(1).T
    assert 0 < which.sum() < 6
    expected = 10 * (which * (x - y).square()).sum().item() / 6
    assert Consistency().penalty(plane, batch).item() == pytest.approx(expected, rel=1e-4)  # float32 differences of size 1


def test_nothing_changed_costs_nothing(plane, make_batch):
    assert Consistency(flip=False).penalty(plane, make_batch(image=True)) == 0


def test_a_shift_moves_images_by_up_to_an_eighth():
    images, random = torch.ones(400, 1, 16, 16), torch.Generator().manual_seed(0)
    kept = Consistency().changed(images, random).mean((1, 2, 3))
    possible = {(16 - i) * (16 - j) / 256 for i in range(3) for j in range(3)}
    assert set(kept.tolist()) == possible


def test_points_get_noise_of_the_stated_spread(plane, make_batch):
    """Noise of scale s moves a logit of slope 5 by 5 s std(real) N(0, 1)."""
    real = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(0))
    batch = make_batch(real=real, fake=real[:1])
    expected = 10 * (5 * 0.01 * real.std(correction=0).item()) ** 2
    error = 5 * (2 / 20_000) ** 0.5  # five standard errors of a mean of squared normals, in units of it
    assert Consistency().penalty(plane, batch).item() == pytest.approx(expected, rel=error)


@pytest.mark.parametrize("image", [False, True])
def test_balanced_is_the_sum_of_both_sides(plane, make_batch, image):
    """Each with its own label, which makes the plane steeper, and each with its own draws."""
    one, two = torch.ones(6, dtype=torch.int64), torch.full((6,), 2)
    batch, twin = (make_batch(image, label=one, fake_label=two) for _ in range(2))
    stabilizer = Consistency(weight=3, fakes=True)
    real, fake = stabilizer.changed(twin.real, twin.random), stabilizer.changed(twin.fake, twin.random)
    sides = [(2, batch.real - real), (3, batch.fake - fake)]
    expected = 3 * sum((steep * plane(moved, None)).square().mean().item() for steep, moved in sides)
    assert stabilizer.penalty(plane, batch).item() == pytest.approx(expected, rel=1e-3)  # differences of nearly equal logits


def test_gradient_goes_through_both_copies(plane, make_batch):
    batch, twin = make_batch(), make_batch()
    Consistency(weight=1).penalty(plane, batch).backward()
    moved = surroundings(twin.real, 0.01, twin.random) - twin.real  # D is linear: D(T(x)) - D(x) = a . moved
    expected = 2 * ((moved @ plane.a.detach())[:, None] * moved).mean(0)
    assert torch.allclose(plane.a.grad, expected, rtol=1e-3)  # differences of nearly equal logits, in float32


def test_logits_of_the_step_are_taken_where_there_are_any(plane, make_batch):
    given = (torch.full((6,), 100.0), torch.zeros(6))
    assert Consistency().penalty(plane, make_batch(logits=given)) > 10 * 50**2


@pytest.mark.parametrize("settings", [{"weight": 0}, {"every": 2}])
def test_off_draws_nothing(plane, make_batch, settings):
    batch = make_batch(step=1)
    before = batch.random.get_state()
    assert Consistency(**settings).penalty(plane, batch) is None
    assert torch.equal(batch.random.get_state(), before)


def test_every_third_step_three_times_as_hard(plane, make_batch):
    often, rare = (Consistency(every=every).penalty(plane, make_batch(step=3)).item() for every in (1, 3))
    assert rare == pytest.approx(3 * often, rel=1e-6)
