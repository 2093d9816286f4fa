"""What every loss in the table must keep to."""

import pytest
import torch

from steadygan.losses import LOSSES

losses = pytest.mark.parametrize("loss", [LOSSES.build(name) for name in LOSSES], ids=list(LOSSES))


@losses
def test_both_losses_are_finite_scalars_even_far_out(loss):
    for scale in (1.0, 1e4, 1e15):
        real, fake = scale * torch.randn(8), scale * torch.randn(8)
        for value in (loss.discriminator(real, fake), loss.generator(fake, real)):
            assert value.shape == ()
            assert value.dtype == torch.float32
            assert torch.isfinite(value)


@losses
def test_each_player_pulls_its_own_way(loss):
    """At logits of 1/2 every loss of the table has a slope: D raises real and lowers fake, G raises fake."""
    real, fake = torch.full((4,), 0.5, requires_grad=True), torch.full((4,), 0.5, requires_grad=True)
    of_real, of_fake = torch.autograd.grad(loss.discriminator(real, fake), (real, fake))
    assert of_real.max() < 0
    assert of_fake.min() > 0
    (of_fake,) = torch.autograd.grad(loss.generator(fake, real), fake)
    assert of_fake.max() < 0


@losses
def test_is_a_mean_over_the_batch(loss):
    """The same batch twice over has the same loss: rounding of the sum of 8 terms is below 8 units in the last place."""
    real, fake = torch.randn(4), torch.randn(4)
    for verb, first, second in ((loss.discriminator, real, fake), (loss.generator, fake, real)):
        assert torch.allclose(verb(first.repeat(2), second.repeat(2)), verb(first, second), rtol=1e-6, atol=1e-6)


@losses
def test_says_whether_the_generator_looks_at_real_images(loss):
    real, fake = torch.randn(4, requires_grad=True), torch.randn(4, requires_grad=True)
    (of_real,) = torch.autograd.grad(loss.generator(fake, real), real, allow_unused=True)
    assert loss.relativistic == (of_real is not None)


@losses
def test_its_spec_builds_it_again(loss):
    assert LOSSES.build(loss.spec()) == loss
    assert LOSSES.build(loss.name) == loss
