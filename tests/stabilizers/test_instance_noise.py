import pytest
import torch

from steadygan.stabilizers import InstanceNoise

IMAGES = torch.zeros(200, 1, 20, 20)


@pytest.mark.parametrize(("step", "std"), [(0, 0.4), (50, 0.2), (75, 0.1)])
def test_spread_falls_in_a_line(step, std, make_batch):
    noise = InstanceNoise(noise_std=0.4, until=100).transform(IMAGES, make_batch(step=step))
    error = 5 / (2 * noise.numel()) ** 0.5  # five standard errors of a standard deviation
    assert noise.std().item() == pytest.approx(std, rel=error)


@pytest.mark.parametrize("step", [100, 101, 5000])
def test_afterwards_nothing_is_added_or_drawn(step, make_batch):
    batch = make_batch(step=step)
    before = batch.random.get_state()
    assert InstanceNoise(until=100).transform(IMAGES, batch) is IMAGES
    assert torch.equal(batch.random.get_state(), before)


def test_draws_from_the_batch_only_and_anew_each_time(make_batch):
    batch, stabilizer, before = make_batch(), InstanceNoise(), torch.get_rng_state()
    first, second = (stabilizer.transform(IMAGES, batch) for _ in range(2))
    assert not torch.equal(first, second)
    assert torch.equal(first, stabilizer.transform(IMAGES, make_batch()))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_generator_gets_its_gradient_through_it(make_batch):
    images = torch.zeros(3, 2, requires_grad=True)
    InstanceNoise().transform(images, make_batch()).sum().backward()
    assert torch.equal(images.grad, torch.ones(3, 2))


def test_keeps_the_type(make_batch):
    assert InstanceNoise().transform(IMAGES.bfloat16(), make_batch()).dtype == torch.bfloat16
