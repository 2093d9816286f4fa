"""What a monitor makes of samples: the cells of the data that they fall in, and how far they are from the average's."""

import math

import pytest
import torch
from monitor_games import last, watching
from torch import nn

from steadygan.errors import UsageError
from steadygan.game import Batch
from steadygan.monitor.examples import N_REFERENCE
from steadygan.monitoring import Cells


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
