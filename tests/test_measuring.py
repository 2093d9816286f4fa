from types import SimpleNamespace
from typing import Literal

import torch
from torch import nn

from steadygan.assembly import assemble, open_data
from steadygan.measuring import Gauge, Measurement, Meter, untouched
from steadygan.monitoring import Logits, Probe
from steadygan.recipes import recipe
from steadygan.training.loop import train_steps
from steadygan.training.precision import Choice


def test_means_since_the_last_reading():
    meter = Meter()
    for value in (1.0, 2.0, 6.0):
        meter.add({"loss": torch.tensor(value)})
    meter.add({"penalty": torch.tensor(5.0)})
    assert meter.read() == {"loss": 3.0, "penalty": 5.0}
    assert meter.read() == {}


def test_a_meter_goes_through_notes_bit_for_bit():
    whole, first = Meter(), Meter()
    values = torch.randn(20) / 3
    for value in values:
        whole.add({"x": value})
    for value in values[:7]:
        first.add({"x": value})
    second = Meter.of(first.notes(), torch.device("cpu"))
    for value in values[7:]:
        second.add({"x": value})
    assert second.read() == whole.read()


def test_untouched_gives_buffers_back():
    norm = nn.BatchNorm1d(3)
    before = norm.running_mean.clone()
    with untouched(norm):
        norm(torch.randn(8, 3) + 5)
        assert not torch.equal(norm.running_mean, before)
    assert torch.equal(norm.running_mean, before)


def game_of(seconds, budget):
    """A measurement of the ring whose second probe seems to take `seconds`, by a clock of its own."""
    config = recipe("ring").with_(steps=60)
    game = assemble(config, open_data(config), Choice("float32", 1, "as asked"))

    class Slow(Probe):
        name: Literal["slow"] = "slow"

        def measure(self, networks, batch):
            clock.now += seconds
            return {"slow/reading": 1.0}

    gauge = Gauge((Logits(), Slow()), game.stream, game.heldout, 16)
    measurement = Measurement(gauge, game.state, 2, budget=budget)
    clock = SimpleNamespace(now=0.0)
    if measurement.throttle:
        measurement.throttle.clock = lambda: clock.now
    return game, measurement, clock


def played(seconds, budget, readings=20):
    """What each reading holds, the news, and the weights in the end."""
    game, measurement, clock = game_of(seconds, budget)
    found, news = [], []
    for record in train_steps(game.state, game.stream, game.method, 2 * readings):
        measurement.add(record)
        clock.now += 1.0
        if record.step % 2 == 0:
            found.append(measurement.read(game.state))
            news.append(measurement.news())
    return found, [line for line in news if line], game.state.networks.generator.state_dict()


def test_a_probe_above_the_budget_leaves_gaps_and_training_alone():
    whole, silence, weights = played(1.0, None)
    thinned, news, same = played(1.0, 0.2)
    assert silence == []
    assert len(news) == 1
    assert "monitoring.budget" in news[0]
    assert all("slow/reading" in reading for reading in whole)
    assert [number for number, reading in enumerate(thinned, 1) if "slow/reading" in reading] == [1, 2, 4, 8, 12, 16, 20]
    assert all(torch.equal(weights[name], same[name]) for name in weights)
    for left, right in zip(whole, thinned, strict=True):  # all else is as it was
        assert {**left, "slow/reading": 1.0} == {**right, "slow/reading": 1.0}
