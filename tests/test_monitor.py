"""The monitor of a stranger's loop: it tells what is there, changes nothing, costs what it says and never breaks a training."""

import copy
import json
import math
from itertools import chain

import pytest
import torch
from torch import nn
from torch.nn.functional import softplus
from torch.nn.utils.parametrizations import spectral_norm as torchs

import steadygan
from steadygan.errors import UsageError
from steadygan.history import read_jsonl
from steadygan.monitor import Monitor
from steadygan.monitoring import Spectrum
from steadygan.report.read import read_run
from steadygan.spectral import spectral_norm


def players(normalize=torchs):
    generator = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 12))
    layers = [normalize(nn.Linear(12, 8)), nn.BatchNorm1d(8), nn.LeakyReLU(0.2), nn.Dropout(0.3), normalize(nn.Linear(8, 1))]
    return generator, nn.Sequential(*layers)


def loop(generator, discriminator, monitor=None, steps=12, watch=None):
    """A plain loop, as in any tutorial; yields the verdict of each step. `watch` makes a monitor that knows the optimizers."""
    of_g, of_d = (torch.optim.Adam(each.parameters(), 1e-2) for each in (generator, discriminator))
    monitor = watch((of_g, of_d)) if watch else monitor
    for _ in range(steps):
        real, fake = torch.randn(16, 12), generator(torch.randn(16, 4))
        real_logits, fake_logits = discriminator(real), discriminator(fake.detach())
        loss = softplus(-real_logits).mean() + softplus(fake_logits).mean()
        of_d.zero_grad()
        loss.backward()
        of_d.step()
        of_g.zero_grad()
        softplus(-discriminator(fake)).mean().backward()
        of_g.step()
        given = {"real_logits": real_logits, "fake_logits": fake_logits, "fake": fake, "real": real}
        given |= {"held_out_logits": real_logits, "averaged": fake, "scalars": {"loss/discriminator": loss}}
        yield monitor and monitor.step(**given)


def fed(monitor, steps, n=32, **more):
    """Steps of a game that nobody plays."""
    for _ in range(steps):
        moved(monitor)
        given = {"real_logits": torch.randn(n, 1) + 1, "fake_logits": torch.randn(n, 1), "real": torch.randn(n, 6)}
        verdict = monitor.step(**{**given, "fake": torch.randn(n, 6), **more})
    return verdict


@torch.no_grad()
def moved(monitor):
    """The weights a little further: a player that stands still is a finding."""
    for parameter in chain(*monitor._reader.parameters.values()):
        parameter.add_(0.01)


def plain(out=None, every=2, **more):
    return Monitor(nn.Linear(3, 6), nn.Linear(6, 1), out, every=every, **more)


def rules(verdict):
    return [finding.rule for finding in verdict.findings]


@pytest.mark.parametrize("normalize", [torchs, lambda layer: spectral_norm(layer) and layer], ids=["torch's", "ours"])
@pytest.mark.parametrize(("every", "steps"), [(1, 12), (4, 40)])
def test_training_is_the_same_bit_for_bit(normalize, every, steps, tmp_path):
    """Readings with all probes, with all that could move: buffers, modes, gradients, random state. Two steps in a row are seen
    with `every` 4, and cells of the data after 512 examples."""
    generator, discriminator = players(normalize)
    traces, monitors = [], []
    for watched in (False, True):
        torch.manual_seed(1)
        g, d = copy.deepcopy((generator, discriminator))
        buffers = [id(buffer) for buffer in (*g.buffers(), *d.buffers())]

        def watch(optimizers, players=(g, d)):
            monitors.append(Monitor(*players, tmp_path / "run", every=every, budget=1e9, optimizers=optimizers))
            return monitors[0]

        for _ in loop(g, d, steps=steps, watch=watch if watched else None):
            pass
        state = {f"{n}{name}": value for n, each in enumerate((g, d)) for name, value in each.state_dict().items()}
        state |= {f"{n}{name} grad": p.grad for n, each in enumerate((g, d)) for name, p in each.named_parameters()}
        assert buffers == [id(buffer) for buffer in (*g.buffers(), *d.buffers())]
        assert all(module.training for each in (g, d) for module in each.modules())
        traces.append({**state, "random": torch.get_rng_state()})
    assert len(monitors[0].history.steps("sigma/D.0")) == steps // every
    assert monitors[0]._reader.notes == {}
    if every > 1:
        assert {"update_coherence/generator", "wobble/logits", "cells/js", "ema/sample_gap"} - {
            *monitors[0].history.names()
        } == {
            "wobble/logits"  # that takes eight steps
        }
    assert traces[0].keys() == traces[1].keys()
    assert [name for name in traces[0] if not torch.equal(traces[0][name], traces[1][name])] == []


def test_a_directory_as_our_runs_write_it(tmp_path):
    networks = players()
    monitor = Monitor(*networks, tmp_path / "run", every=2, budget=1e9)
    *_, verdict = loop(*networks, monitor, 30)
    assert [record["step"] for record in read_jsonl(tmp_path / "run" / "history.jsonl")] == list(range(2, 31, 2))
    quantities = {name.split("/")[0] for name in monitor.history.names()}
    assert quantities >= {
        "loss",
        "logit",
        "logit_std",
        "gap",
        "accuracy",
        "auc",
        "diversity",
        "grad_norm",
        "sigma",
        "time",
        "cost",
    }
    record = read_run(tmp_path / "run")
    assert record.problems == []
    assert len(record.history) == 15
    assert record.outcome["verdict"] == verdict.word
    assert "monitor" in record.environment
    page = steadygan.write_report(tmp_path / "run").read_text(encoding="utf-8")
    for title in ("Losses", "Diversity of samples", "Cost of watching", "Largest singular value", verdict.word):
        assert title in page


def test_the_command_draws_it(tmp_path, monkeypatch, capsys):
    from steadygan.cli import main

    fed(plain(tmp_path / "run"), 4)
    monkeypatch.setattr("sys.argv", ["steadygan", "report", str(tmp_path / "run")])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert not stopped.value.code
    assert "report.html" in capsys.readouterr().out


def test_the_verdict_stands_from_one_reading_to_the_next():
    monitor = plain(every=5)
    verdicts = [fed(monitor, 1) for _ in range(60)]
    assert len({id(verdict) for verdict in verdicts}) == 13  # the first one, and one for each reading
    assert [verdict.step for verdict in verdicts[3:10]] == [0, 5, 5, 5, 5, 5, 10]
    assert str(verdicts[0]).startswith("step 0: WARMING-UP")
    assert verdicts[-1].word == "HEALTHY"
    assert not verdicts[-1].failed
    assert monitor.verdict is verdicts[-1]
    assert monitor.steps == 60


def test_numbers_that_are_not_finite_are_a_failure_and_it_can_heal():
    monitor = plain()
    fed(monitor, 4)
    verdict = fed(monitor, 2, fake_logits=torch.full((32,), math.nan))
    assert verdict.failed
    assert (verdict.word, verdict.step) == ("NON-FINITE", 6)
    assert str(verdict).startswith("step 6: NON-FINITE: logit/fake")
    assert "\n" not in str(verdict)
    assert not fed(monitor, 2).failed


def test_remedies_are_in_plain_words(tmp_path):
    """This loop has no config of ours, and no checkpoints in the run's directory."""
    monitor = plain(tmp_path / "run")
    fed(monitor, 4)
    verdict = fed(monitor, 2, fake_logits=torch.full((32,), math.nan))
    assert "halve both learning rates" in verdict.findings[0].advice
    written = [(tmp_path / "run" / name).read_text() for name in ("findings.jsonl", "outcome.json")]
    for text in (str(verdict), json.dumps(verdict.as_dict()), *written):
        assert "NON-FINITE" in text
        assert not [word for word in ("--set", "checkpoints/", "`") if word in text]


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


def test_what_is_not_given_is_not_judged():
    verdict = [plain(every=1).step(real_logits=torch.ones(4)), fed(plain(every=1), 1)]
    assert {"MODE-COLLAPSE", "DISCRIMINATOR-WINS", "DIVERGENCE"} <= set(verdict[0].not_judged)
    assert "DATA-FAULT, MODE-COLLAPSE, SLOW-SLIDE need fake= and real=; and " in str(verdict[0])
    blind = Monitor(nn.Identity(), nn.Identity(), every=1)
    for _ in range(30):
        blind.step()
    assert blind.verdict.word == "WARMING-UP"  # nothing was read: that is no health
    assert "NON-FINITE" in blind.verdict.not_judged


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
