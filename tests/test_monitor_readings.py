"""A monitor's readings are what was given, whatever its shape and whatever becomes of it later."""

from itertools import chain

import pytest
import torch
from monitor_games import fed, plain, players
from torch import nn

from steadygan.monitor import Monitor


def test_readings_are_what_was_given():
    """Means over the window; separation and spread of the newest 256 logits; the norm as torch computes it."""
    monitor = plain(every=4, threshold=0.5)
    real, fake = torch.randn(4, 128) + 1, torch.randn(4, 128)
    for step in range(4):
        scalars = {"loss/generator": torch.tensor(float(step)), "learning_rate/generator": 2e-4}
        monitor.step(real_logits=real[step], fake_logits=fake[step], scalars=scalars)
    reading = next(iter(monitor.history))
    assert reading["logit/real"] == pytest.approx(real.mean().item(), rel=1e-6)
    newest = real[2:].flatten(), fake[2:].flatten()
    assert reading["logit_std/fake"] == pytest.approx(newest[1].std(correction=0).item(), rel=1e-6)
    right = ((newest[0] > 0.5).float().mean() + (newest[1] <= 0.5).float().mean()) / 2
    assert reading["accuracy/discriminator"] == pytest.approx(right.item())
    assert reading["loss/generator"] == 1.5
    assert reading["learning_rate/generator"] == 2e-4
    assert reading["images_seen"] == 512


def test_gradient_norms_are_torchs_and_what_is_given_goes_first():
    generator, discriminator = players()
    monitor = Monitor(generator, discriminator, every=1)
    for parameter in discriminator.parameters():
        parameter.grad = torch.randn_like(parameter)
    norm = nn.utils.get_total_norm([parameter.grad for parameter in discriminator.parameters()])
    monitor.step()
    assert monitor.history.last("grad_norm/discriminator") == pytest.approx(norm.item(), rel=1e-6)
    assert "grad_norm/generator" not in monitor.history  # it has no gradient
    monitor.step(scalars={"grad_norm/discriminator": torch.tensor(7.0, requires_grad=True) * 1})
    assert monitor.history.last("grad_norm/discriminator") == 7


@pytest.mark.parametrize("to_none", [True, False])
def test_gradients_that_were_zeroed_before_the_call_are_no_reading(to_none):
    """A norm of 0 would say that nothing is learnt; it does say so where the weights stand still, too."""
    generator, discriminator = players()
    monitor = Monitor(generator, discriminator, every=2)
    for step in range(12):
        for parameter in chain(generator.parameters(), discriminator.parameters()):
            parameter.grad = torch.ones_like(parameter)
        with torch.no_grad():
            next(generator.parameters()).add_(0.1 if step < 6 else 0.0)
        generator.zero_grad(set_to_none=to_none)
        monitor.step()
    assert monitor.history.steps("grad_norm/generator").tolist() == ([] if to_none else [8, 10, 12])
    assert len(monitor.history.steps("grad_norm/discriminator")) == 6


@pytest.mark.parametrize("shape", [(8,), (8, 1), (8, 1, 5, 3), (8, 15)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_logits_of_any_shape_count_once_a_sample(shape, dtype):
    monitor, base = plain(every=1), torch.arange(8.0)
    logits = base.view(8, *[1] * (len(shape) - 1)).expand(shape).to(dtype)
    monitor.step(real_logits=logits + 8, fake_logits=logits)
    reading = next(iter(monitor.history))
    assert (reading["logit/fake"], reading["auc/discriminator"], reading["images_seen"]) == (3.5, 1.0, 8)
    assert reading["logit_std/fake"] == pytest.approx(base.std(correction=0).item())


def test_tensors_that_are_written_over_later_are_read_as_they_were():
    """As those of a captured graph are: the next step writes into the same memory."""
    monitor, still = plain(every=2), torch.ones(32)
    value, images = torch.tensor(3.0), torch.randn(32, 6)
    before = images.clone()
    for factor in (1.0, 3.0):
        still.fill_(factor)
        value.fill_(factor)
        monitor.step(real_logits=still, fake_logits=-still, scalars={"loss/generator": value}, fake=images, real=before)
        images.zero_()
    reading = next(iter(monitor.history))
    assert (reading["logit/real"], reading["logit/fake"], reading["loss/generator"]) == (2, -2, 2)
    assert reading["diversity/pairwise_ratio"] > 0.4  # half of the 64 are the first step's; without a copy all would be 0


def test_small_batches_are_pooled_and_too_few_images_are_no_reading():
    monitor = plain(every=20)
    fed(monitor, 20, n=4)
    assert "diversity/pairwise_ratio" in monitor.history
    assert monitor._reader.window.images["real"].batches == []  # a reading empties it
    fed(monitor, 19, n=4)
    kept = monitor._reader.window.images["real"].batches
    assert sum(map(len, kept)) == 64  # the first, and those of the last 15 steps
    few = plain(every=2)
    verdict = fed(few, 40, n=4)
    assert "diversity/pairwise_ratio" not in few.history
    assert "MODE-COLLAPSE" in verdict.not_judged


def test_of_large_images_little_is_kept():
    monitor = plain(every=1)
    reader = monitor._reader
    reader.take("fake", None, torch.randn(80, 3, 64, 64), 0)
    assert reader.window.images["fake"].read().shape == (64, 4096)
    assert reader.window.pooled["fake"].read().shape == (80, 3, 9, 9)  # at most 256 values, all of the picture
