"""The monitor of a stranger's loop: it changes nothing, writes what our runs write, and its verdict says what to do."""

import copy
import json
import math

import pytest
import torch
from monitor_games import fed, plain, players
from torch import nn
from torch.nn.functional import softplus
from torch.nn.utils.parametrizations import spectral_norm as torchs

import steadygan
from steadygan.history import read_jsonl
from steadygan.monitor import Monitor
from steadygan.report.read import read_run
from steadygan.spectral import spectral_norm


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


def test_what_is_not_given_is_not_judged():
    verdict = [plain(every=1).step(real_logits=torch.ones(4)), fed(plain(every=1), 1)]
    assert {"MODE-COLLAPSE", "DISCRIMINATOR-WINS", "DIVERGENCE"} <= set(verdict[0].not_judged)
    assert "DATA-FAULT, MODE-COLLAPSE, SLOW-SLIDE need fake= and real=; and " in str(verdict[0])
    blind = Monitor(nn.Identity(), nn.Identity(), every=1)
    for _ in range(30):
        blind.step()
    assert blind.verdict.word == "WARMING-UP"  # nothing was read: that is no health
    assert "NON-FINITE" in blind.verdict.not_judged
