"""What a monitor makes of logits: the gap, its swing and the wobble that a run of our own would read; and overfitting."""

import math

import numpy as np
import pytest
import torch
from monitor_games import close, last, watching

from steadygan.measuring import Meter
from steadygan.training.step import logit_readings


def ours(pairs):
    """The readings that a run of our own makes of the logits of each step."""
    meter = Meter()
    for real, fake in pairs:
        meter.add(logit_readings(real, fake))
    return meter.read()


@pytest.mark.parametrize(
    "sizes", [[32] * 20, [7, 64, 2, 31] * 5, [64] * 19 + [5]], ids=["equal", "varying", "a small last one"]
)
def test_the_gap_is_that_of_our_own_runs(sizes):
    pairs = [(torch.randn(n) + 0.1 * step, torch.randn(n + 1)) for step, n in enumerate(sizes)]
    monitor = watching(every=20)
    for real, fake in pairs:
        monitor.step(real_logits=real, fake_logits=fake[:, None])
    close(last(monitor), ours(pairs))


def test_maps_count_by_their_mean_and_the_window_begins_anew():
    monitor = watching(every=10)
    for _ in range(3):
        maps = [(torch.randn(8, 1, 3, 3) + 1, torch.randn(8, 1, 3, 3)) for _ in range(10)]
        for real, fake in maps:
            monitor.step(real_logits=real, fake_logits=fake)
    close(last(monitor), ours([(real.mean((1, 2, 3)), fake.mean((1, 2, 3))) for real, fake in maps]))


def test_steps_that_give_one_side_only_are_left_out():
    """And in order: a window of 24 steps, in which some give real, some fake, some both."""
    monitor, pairs = watching(every=24), []
    for step in range(24):
        real, fake = torch.randn(16) + step, torch.randn(16)
        given = {"real_logits": real} if step % 4 == 1 else {"fake_logits": fake} if step % 4 == 2 else {}
        given = {"real_logits": real, "fake_logits": fake} if step % 4 in (0, 3) else given
        monitor.step(**given)
        pairs += [(real, fake)] if len(given) == 2 else []
    close(last(monitor), ours(pairs))
    monitor = watching(every=2)
    monitor.step(real_logits=torch.ones(8))
    monitor.step(fake_logits=torch.ones(8))
    assert (last(monitor)["logit/real"], "gap/mean" in last(monitor)) == (1, False)


def test_a_batch_of_one_counts_in_the_mean_only():
    """How far it is off by chance nobody can tell; a window of nothing else has a gap and no wobble."""
    pairs = [(torch.randn(16), torch.randn(16)) for _ in range(12)]
    alone = (torch.tensor([50.0]), torch.zeros(16))
    monitor = watching(every=13)
    for real, fake in [*pairs, alone]:
        monitor.step(real_logits=real, fake_logits=fake)
    close(last(monitor), ours(pairs), ("gap/swing", "gap/chance", "wobble/logits"))
    close(last(monitor), ours([*pairs, alone]), ("gap/mean",))
    monitor = watching(every=12)
    for step in range(12):
        monitor.step(real_logits=torch.tensor([float(step)]), fake_logits=torch.zeros(1))
    assert last(monitor)["gap/mean"] == 5.5
    assert "gap/swing" not in last(monitor)


def test_a_game_at_rest_wobbles_by_one_and_hopping_does_not():
    """40 windows of 50 steps with batches of 5 to 60: each wobble spreads by about 1 / sqrt(96), their mean by 0.016; batches
    of different size widen that, so 5 times as much is allowed."""
    random = torch.Generator().manual_seed(0)
    rest, hops = watching(every=50), watching(every=50)
    for step in range(2000):
        n = int(torch.randint(5, 61, (), generator=random))
        real, fake = (torch.randn(n, generator=random) for _ in range(2))
        rest.step(real_logits=3 * real, fake_logits=3 * fake - 7)
        hops.step(real_logits=real + 2 * math.sin(step / 3), fake_logits=fake)
    assert np.mean(rest.history["wobble/logits"]) == pytest.approx(1, abs=0.08)
    assert hops.history["wobble/logits"].min() > 3


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_logits_that_are_not_finite_wobble_by_nothing(bad):
    monitor = watching(every=10)
    for step in range(10):
        monitor.step(real_logits=torch.full((8,), bad if step == 4 else 1.0), fake_logits=torch.randn(8))
    assert not math.isfinite(last(monitor)["gap/mean"])
    assert "wobble/logits" not in last(monitor)
    assert monitor._reader.notes == {}


def test_a_discriminator_that_overfits_is_found_with_held_out_logits():
    """Reals at 2, held-out ones at -1, fakes at -2: three quarters of the way lost."""
    monitor, blind = watching(every=2), watching(every=2)
    for step in range(20):
        for each in (monitor, blind):
            with torch.no_grad():
                each._reader.networks.generator.weight.add_(0.01)
                each._reader.networks.discriminator.weight.add_(0.01)
            given = {"real_logits": torch.randn(64) / 2 + 2, "fake_logits": torch.randn(64) / 2 - 2}
            held_out = {"held_out_logits": torch.randn(64, 1) / 2 - 1} if each is monitor and step % 2 else {}
            each.step(**given, **held_out)
    assert monitor.history["logit/held_out"] == pytest.approx(np.full(10, -1.0), abs=0.3)  # 5 / 8 / sqrt(64) is 0.06
    assert "DISCRIMINATOR-OVERFITS" in [finding.verdict for finding in monitor.verdict.findings]
    assert "DISCRIMINATOR-OVERFITS" not in monitor.verdict.not_judged
    assert "held_out_logits=" in blind.verdict.not_judged["DISCRIMINATOR-OVERFITS"]
