"""What a monitor makes of the newer signals: the same numbers as a run of our own, from what a stranger's loop has at hand."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parameters_to_vector

from steadygan.errors import UsageError
from steadygan.game import Batch
from steadygan.measuring import Meter
from steadygan.monitor import Monitor
from steadygan.monitor.examples import N_REFERENCE
from steadygan.monitoring import Cells
from steadygan.monitoring.updates import Updates
from steadygan.training.step import logit_readings


def watching(every, generator=None, discriminator=None, **more):
    players = (
        generator if generator is not None else nn.Linear(3, 2),
        discriminator if discriminator is not None else nn.Linear(2, 1),
    )
    return Monitor(*players, every=every, **more)


def last(monitor):
    return list(monitor.history)[-1]


def ours(pairs):
    """The readings that a run of our own makes of the logits of each step."""
    meter = Meter()
    for real, fake in pairs:
        meter.add(logit_readings(real, fake))
    return meter.read()


def close(reading, expected, names=("gap/mean", "gap/swing", "gap/chance", "wobble/logits")):
    """Float32 on one side, float64 on the other."""
    for name in names:
        assert reading[name] == pytest.approx(expected[name], rel=1e-4, abs=1e-6), name


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


def played(every, steps, wrap=lambda network: network, knows=True):
    """A generator and its monitor, and where its weights were after each step."""
    torch.manual_seed(0)
    generator, discriminator = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)), nn.Linear(2, 1)
    of_g, of_d = torch.optim.Adam(generator.parameters(), 1e-2, (0.6, 0.9)), torch.optim.SGD(discriminator.parameters(), 0.1)
    monitor = watching(every, wrap(generator), wrap(discriminator), optimizers=(of_g, of_d) if knows else None)
    places = [parameters_to_vector(generator.parameters()).detach().double()]
    for _ in range(steps):
        of_g.zero_grad()
        discriminator(generator(torch.randn(8, 3))).mean().backward()
        of_g.step()
        of_d.step()
        places.append(parameters_to_vector(generator.parameters()).detach().double())
        monitor.step()
    return monitor, torch.stack(places)


@pytest.mark.parametrize(
    "wrap",
    [lambda network: network, nn.DataParallel, lambda network: torch.compile(network, backend="eager")],
    ids=["plain", "parallel", "compiled"],
)
def test_updates_are_those_of_the_last_four_steps(wrap):
    monitor, places = played(every=10, steps=20, wrap=wrap)
    moves = places[-4:].diff(dim=0)
    cosine = nn.functional.cosine_similarity(moves[1:], moves[:-1]).mean().item()
    close(
        last(monitor),
        {
            "update_norm/generator": moves.norm(dim=1).square().mean().sqrt().item(),
            "weight_norm/generator": places[-1].norm().item(),
            "update_cosine/generator": cosine,
            "update_coherence/generator": (cosine - 0.6) / 0.4,
        },
        ("update_norm/generator", "weight_norm/generator", "update_cosine/generator", "update_coherence/generator"),
    )
    assert last(monitor)["update_coherence/discriminator"] == last(monitor)["update_cosine/discriminator"]  # no momentum
    assert (last(monitor)["learning_rate/generator"], last(monitor)["learning_rate/discriminator"]) == (1e-2, 0.1)


def test_without_optimizers_there_is_a_cosine_and_no_coherence():
    monitor, _ = played(every=10, steps=10, knows=False)
    assert "update_cosine/generator" in last(monitor)
    assert monitor.history.names("update_coherence/") == monitor.history.names("learning_rate/") == []


def test_a_learning_rate_that_is_given_goes_first():
    networks = nn.Linear(3, 2), nn.Linear(2, 1)
    monitor = watching(1, *networks, optimizers=[torch.optim.SGD(each.parameters(), 0.5) for each in networks])
    monitor.step(scalars={"learning_rate/generator": 0.25})
    assert (last(monitor)["learning_rate/generator"], last(monitor)["learning_rate/discriminator"]) == (0.25, 0.5)


def test_snapshots_are_taken_in_the_last_four_steps_only(monkeypatch):
    looks = []
    monkeypatch.setattr(Updates, "look", lambda self, left: looks.append(left))
    monitor = watching(every=50)
    for _ in range(100):
        monitor.step()
    assert looks == [left for left in (3, 2, 1, 0) * 2 for _ in range(2)]  # both players


@pytest.mark.parametrize(("seldom", "expected"), [(True, []), (False, [20, 30, 40])], ids=["seldom", "never"])
def test_a_discriminator_that_moves_seldom_does_not_stand_still(seldom, expected):
    """Updated in the first of ten steps, and looked at in the last four. One that is never updated is told from the second
    reading on, and then it is dead."""
    generator, discriminator = nn.Linear(3, 2), nn.Linear(2, 1)
    monitor = watching(10, generator, discriminator)
    for step in range(40):
        with torch.no_grad():
            generator.weight.add_(0.1)
            discriminator.weight.add_(0.1 if seldom and step % 10 == 0 else 0.0)
        monitor.step(real_logits=torch.randn(8) + 1, fake_logits=torch.randn(8))
    assert monitor.history.steps("update_norm/discriminator").tolist() == expected
    assert monitor.history["update_norm/discriminator"].sum() == 0
    assert len(monitor.history.steps("weight_norm/discriminator")) == 4
    assert ("DISCRIMINATOR-DEAD" in [finding.verdict for finding in monitor.verdict.findings]) == bool(expected)


def test_layers_that_come_later_are_in_the_window_after():
    generator = nn.Sequential(nn.Linear(3, 2))
    monitor = watching(2, generator)
    for window in range(3):
        for _ in range(2):
            monitor.step()
        if window == 0:
            generator.append(nn.Linear(2, 2))
    sizes = monitor.history["weight_norm/generator"]
    assert sizes[0] == sizes[1]
    assert sizes[2] == pytest.approx(parameters_to_vector(generator.parameters()).norm().item(), rel=1e-5)
    assert sizes[2] > sizes[1]


def test_only_the_optimizers_of_both_in_order_are_taken():
    networks = nn.Linear(3, 2), nn.Linear(2, 1)
    pair = [torch.optim.SGD(each.parameters(), 0.5) for each in networks]
    for wrong in (pair[0], pair[:1], [*pair, pair[0]], ["adam", "adam"], 3, dict(zip("gd", pair, strict=True))):
        with pytest.raises(UsageError, match=r"must be two optimizers; give \(the generator's, the discriminator's\)"):
            watching(1, *networks, optimizers=wrong)
    with pytest.raises(UsageError, match="the first of the optimizers is the discriminator's"):
        watching(1, *networks, optimizers=pair[::-1])
    both = torch.optim.SGD([parameter for each in networks for parameter in each.parameters()], 0.5)
    watching(1, *networks, optimizers=(both, both))  # one for both players


def fed(monitor, reals, fakes, n=32):
    """Both in batches of n, one a step."""
    for real, fake in zip(reals.split(n), fakes.split(n), strict=True):
        monitor.step(real=real, fake=fake)


def ring(n, modes=8, shift=0.0):
    angle = (torch.randint(modes, (n,)) + shift) * math.pi / 4
    return torch.stack([angle.cos(), angle.sin()], 1) + 0.05 * torch.randn(n, 2)


@pytest.mark.parametrize("shape", [(2,), (3, 20, 20), (1, 300)], ids=["points", "images", "signals"])
def test_cells_are_those_of_the_first_512_reals(shape):
    """As the probe of our own runs reads them, of as many fakes."""
    n = Cells().n
    assert N_REFERENCE == 512
    reals, fakes = torch.randn(768, *shape), torch.randn(768, *shape) / 2
    monitor = watching(every=8)
    fed(monitor, reals, fakes)
    assert monitor.history.steps("cells/js").tolist() == [16, 24]  # in the first window the reference is not whole yet
    memory = {}
    for end in (512, 768):
        batch = Batch(
            reals, fakes, None, None, 0, torch.Generator(), live=reals[end - n : end], reference=reals[:512], memory=memory
        )
        expected = Cells().of(fakes[end - n : end], batch)
    assert {"cells/churn", "coverage/recall_floor", "cells/js_live"} <= expected.keys()
    assert {name: last(monitor)[name] for name in expected} == pytest.approx(expected, rel=1e-9)


def test_cells_are_of_the_newest_examples_by_the_64():
    """So that batches of slightly different size are read alike: 100 in a window, of which 64 are looked at."""
    reals, fakes = torch.randn(600, 2), torch.randn(600, 2) / 2
    monitor = watching(every=4)
    fed(monitor, reals, fakes, n=25)
    batch = Batch(reals, fakes, None, None, 0, torch.Generator(), live=reals[-64:], reference=reals[:512])
    expected = Cells(n=64).of(fakes[-64:], batch)
    assert {name: last(monitor)[name] for name in expected} == pytest.approx(expected, rel=1e-9)


def test_lost_modes_and_other_reals_are_seen():
    monitor = watching(every=8)
    fed(monitor, ring(512), ring(512))
    healthy = last(monitor)
    assert healthy["coverage/cells"] >= healthy["coverage/cells_floor"]
    assert healthy["cells/js_live"] < 2 * healthy["cells/js_live_floor"]
    fed(monitor, ring(256, modes=4), ring(256, modes=2))
    sick = last(monitor)
    assert sick["coverage/cells"] < 0.5 * sick["coverage/cells_floor"]
    assert sick["coverage/recall"] < 0.5 * sick["coverage/recall_floor"]
    assert min(sick["cells/js"] / sick["cells/js_floor"], sick["cells/js_live"] / sick["cells/js_live_floor"]) > 4
    assert sick["cells/churn"] > 2 * sick["cells/churn_floor"]


def test_a_loader_that_serves_other_reals_is_a_finding():
    monitor = watching(every=8)
    fed(monitor, ring(1024), ring(1024))
    assert "DATA-FAULT" not in [finding.verdict for finding in monitor.verdict.findings]
    fed(monitor, ring(1280, modes=2), ring(1280))
    assert "DATA-FAULT" in [finding.verdict for finding in monitor.verdict.findings]


def test_fewer_fakes_than_before_are_no_reading_but_the_reals_are():
    monitor = watching(every=2)
    fed(monitor, ring(512), ring(512), n=128)
    assert monitor.history.steps("cells/js").tolist() == [4]
    for _ in range(2):
        monitor.step(real=ring(64), fake=ring(64)[:20])
    assert "cells/js" not in last(monitor)
    assert "cells/js_live" in last(monitor)
    for _ in range(2):
        monitor.step(real=ring(64), fake=ring(32))
    assert "cells/js" not in last(monitor)  # 64 were enough, had there not been 128 before
    for _ in range(2):
        monitor.step(real=ring(20), fake=ring(20))
    assert "cells/js_live" not in last(monitor)  # 40 examples are too few for a histogram
    assert monitor._reader.notes == {}


def test_examples_of_another_shape_begin_a_new_reference():
    monitor = watching(every=4)
    fed(monitor, torch.randn(128, 4), torch.randn(128, 4))  # the reference is not whole yet
    fed(monitor, torch.randn(512, 2), torch.randn(512, 2))
    assert monitor.history.steps("cells/js").tolist() == [20]
    fed(monitor, torch.randn(768, 3), torch.randn(768, 3))  # and now it was
    assert monitor.history.steps("cells/js").tolist() == [20, 40, 44]
    assert "monitor/cells" not in monitor._reader.notes


def test_the_gap_to_the_average_is_read_where_it_is_given():
    """In standard deviations of the reals; of the newest 64 pairs, here those of the first and the third of four steps."""
    monitor = watching(every=4)
    real = torch.randn(64, 3, 8, 8) * torch.linspace(1, 2, 64).view(8, 8)
    pairs = [(torch.randn(32, 3, 8, 8), torch.randn(32, 3, 8, 8)) for _ in range(4)]
    for step, (fake, averaged) in enumerate(pairs):
        given = {"averaged": averaged} if step in (0, 2) else {}
        monitor.step(real=real, fake=fake, **given)
    spread = real.var(0, correction=0).mean().sqrt()
    distances = torch.stack([pairs[step][0] - pairs[step][1] for step in (0, 2)])
    assert last(monitor)["ema/sample_gap"] == pytest.approx((distances.abs().mean() / spread).item(), rel=1e-5)
    for fake, _ in pairs:
        monitor.step(real=real, fake=fake)
    assert "ema/sample_gap" not in last(monitor)
    monitor.step(real=real, fake=pairs[0][0], averaged=pairs[0][1])  # the first of a window may be the only one
    for fake, _ in pairs[1:]:
        monitor.step(real=real, fake=fake)
    assert "ema/sample_gap" in last(monitor)
    with pytest.raises(UsageError, match="averaged is given without fake"):
        watching(every=4).step(averaged=real)


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


def test_a_window_begun_before_going_back_is_dropped(tmp_path):
    """Nothing of the steps that a checkpoint undid is in a reading: no logits, no update that was the loading of weights, no
    fakes, no change since a reading that is gone."""
    discriminator = nn.Linear(2, 1)
    monitor = watching(every=8, discriminator=discriminator, out=tmp_path / "run")

    def step(level=0.0):
        with torch.no_grad():
            discriminator.weight.add_(0.01)
        real, fake = ring(128), ring(128, shift=level / 100)
        logits = torch.randn(2, 64)
        monitor.step(real_logits=logits[0] + level, fake_logits=logits[1], real=real, fake=fake, averaged=fake + level)

    for _ in range(16):
        step()
    for _ in range(6):
        step(level=50.0)
    monitor.rewind(16)
    with torch.no_grad():
        discriminator.weight.add_(10.0)
    for _ in range(8):
        step()
    reading = last(monitor)
    assert reading["step"] == 24
    assert abs(reading["gap/mean"]) < 1  # 0 +- sqrt(2 / 64 / 8) = 0.06
    assert reading["wobble/logits"] < 2.5
    assert reading["update_norm/discriminator"] == pytest.approx(0.01 * 2**0.5, rel=1e-3)
    assert reading["ema/sample_gap"] == 0
    assert reading["cells/js"] < 2 * reading["cells/js_floor"]
    assert "cells/churn" not in reading
    for _ in range(8):
        step()
    assert "cells/churn" in last(monitor)
    monitor.rewind(20)  # in the middle of a window: four steps are not enough for a swing
    for _ in range(4):
        step()
    assert last(monitor)["step"] == 24
    assert "gap/mean" in last(monitor)
    assert "wobble/logits" not in last(monitor)


def test_going_back_within_the_last_four_steps_is_no_update():
    discriminator = nn.Linear(2, 1)
    monitor = watching(every=8, discriminator=discriminator)
    for step in range(9):
        if step == 7:  # the seventh step once more
            monitor.rewind(6)
            with torch.no_grad():
                discriminator.weight.add_(10.0)
        with torch.no_grad():
            discriminator.weight.add_(0.01)
        monitor.step()
    assert last(monitor)["step"] == 8
    assert last(monitor)["update_norm/discriminator"] == pytest.approx(0.01 * 2**0.5, rel=1e-3)


def test_a_continued_directory_reads_on(tmp_path):
    for session in (1, 2):
        monitor = watching(every=4, out=tmp_path / "run")
        for _ in range(8):
            with torch.no_grad():
                monitor._reader.networks.discriminator.weight.add_(0.01)
            logits = torch.randn(2, 16)
            monitor.step(real=ring(128), fake=ring(128), real_logits=logits[0], fake_logits=logits[1])
        assert monitor.history.steps("cells/js").tolist() == [4, 8, 12, 16][: 2 * session]
    assert monitor.history.steps("update_norm/discriminator").tolist() == [4, 8, 12, 16]


@pytest.mark.parametrize("broken", ["look", "read"])
def test_updates_that_cannot_be_read_are_told_once(monkeypatch, broken):
    def fails(self, *arguments):
        raise RuntimeError("no memory")

    monkeypatch.setattr(Updates, broken, fails)
    monitor = watching(every=2)
    for _ in range(8):
        monitor.step(real_logits=torch.randn(8), fake_logits=torch.randn(8))
    told = ["update_norm/generator", "update_norm/discriminator"] if broken == "look" else ["updates"]
    assert list(monitor._reader.notes) == told
    assert len(monitor.history.steps("gap/mean")) == 4
