"""A monitor keeps no graph alive, waits for nothing between readings, and never breaks a training."""

import pytest
import torch
from monitor_games import fed, plain
from torch import nn

from steadygan.errors import UsageError
from steadygan.history import read_jsonl
from steadygan.monitor import Monitor
from steadygan.monitoring import Spectrum


def rules(verdict):
    return [finding.rule for finding in verdict.findings]


def test_no_graph_is_kept_alive():
    monitor = plain(every=5)
    batch = torch.randn(32, 6, requires_grad=True) * 2
    for _ in range(2):
        monitor.step(
            real_logits=batch[:, 0], fake_logits=batch, fake=batch, real=batch, scalars={"loss/generator": batch.sum()}
        )
    window = monitor._reader.window
    kept = [*window.logits["real"].values(), *window.logits["fake"].values(), *window.sums.values()]
    kept += [*window.images["fake"].batches, *window.pooled["fake"].batches, *monitor._reader.reference.batches]
    assert len(kept) == 10
    assert not any(tensor.requires_grad for tensor in kept)


def test_nothing_is_waited_for_between_readings():
    """Tensors without data cannot be looked at: whatever asked for a number would fail."""
    generator, discriminator = nn.Linear(3, 6, device="meta"), nn.Linear(6, 1, device="meta")
    monitor = Monitor(generator, discriminator, every=1000)
    for each in (generator, discriminator):
        for parameter in each.parameters():
            parameter.grad = torch.empty_like(parameter)
    batch = torch.empty(8, 6, device="meta")
    for _ in range(999):
        given = {"real_logits": batch[:, :1], "fake_logits": batch[:, 0], "held_out_logits": batch[:, 0]}
        monitor.step(**given, fake=batch, averaged=batch, real=batch, scalars={"loss/generator": batch.sum()})
    assert monitor._reader.notes == {}
    monitor.step()
    assert "monitor/logits" in rules(monitor.verdict)  # but the reading does ask


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_nothing_is_waited_for_on_a_gpu():
    monitor = Monitor(nn.Linear(3, 6).cuda(), nn.Linear(6, 1).cuda(), every=100)
    batch = torch.randn(32, 6, device="cuda")
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(99):
            given = {"real_logits": batch[:, :1], "fake_logits": batch[:, 1], "held_out_logits": batch[:, 1]}
            monitor.step(**given, fake=batch, averaged=batch, real=batch, scalars={"loss/g": batch.sum()})
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert monitor._reader.notes == {}
    monitor.step()
    assert "diversity/pairwise_ratio" in monitor.history


WRONG = {
    "a list": {"real_logits": [1.0]},
    "an array": {"real_logits": torch.ones(3).numpy()},
    "a mean": {"fake_logits": torch.tensor(1.0)},
    "empty": {"real_logits": torch.ones(0, 1)},
    "images in a list": {"fake": [torch.ones(2, 2)]},
    "no image": {"fake": torch.ones(4)},
    "a loss for each sample": {"scalars": {"loss/generator": torch.ones(4)}},
    "a loss that is text": {"scalars": {"loss/generator": "0.3"}},
    "a step": {"scalars": {"step": 3}},
    "no name": {"scalars": {3: 3.0}},
    "a mean of held-out logits": {"held_out_logits": torch.tensor(1.0)},
    "an average of nothing": {"averaged": torch.ones(32, 6)},
    "an average of other latents": {"averaged": torch.ones(8, 6), "fake": torch.ones(32, 6)},
    "two sizes": {"real": torch.ones(32, 6), "fake": torch.ones(32, 7)},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_argument_raises_at_once_but_never_later(wrong):
    with pytest.raises(UsageError, match=r"^monitor\.step: "):
        plain(every=1).step(**wrong)
    monitor = plain(every=1)
    fed(monitor, 3)
    verdict = [monitor.step(**wrong) for _ in range(3)][-1]
    assert [finding.verdict for finding in verdict.findings] == ["PROBE-FAILED"]
    assert verdict.findings[0].severity == "info"
    assert not verdict.failed
    assert fed(monitor, 3).word in ("WARMING-UP", "HEALTHY")


def test_a_probe_that_fails_is_told_once(monkeypatch, tmp_path):
    def broken(self, networks, batch):
        raise RuntimeError("no\nconvergence")

    monkeypatch.setattr(Spectrum, "measure", broken)
    monitor = plain(tmp_path / "run", budget=1e9)
    verdict = fed(monitor, 10)
    assert rules(verdict) == ["monitor/spectrum"]
    assert verdict.findings[0].step == 2
    assert len(read_jsonl(tmp_path / "run" / "findings.jsonl")) == 1
    assert len(monitor.history.steps("logit/real")) == 5


def test_a_full_disk_does_not_end_the_training(monkeypatch, tmp_path):
    monitor = plain(tmp_path / "run")
    fed(monitor, 4)

    def full(path, record):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("steadygan.monitor.files.append", full)
    verdict = fed(monitor, 4)
    assert rules(verdict) == ["monitor/files"]
    assert "No space left on device" in verdict.findings[0].reason
    assert len(monitor.history) == 4
    assert len(read_jsonl(tmp_path / "run" / "history.jsonl")) == 2
