"""Which cells of the data the fakes fall in: closed forms, floors, memory, and what is no reading."""

import json
import math

import pytest
import torch
from corner_points import points
from torch import nn

from steadygan.assembly import assemble, open_data
from steadygan.game import Networks
from steadygan.measuring import Gauge
from steadygan.monitoring import Cells
from steadygan.monitoring.partition import Partition
from steadygan.recipes import recipe
from steadygan.training.precision import Choice

BROKEN = torch.rand(100, 1, 4, 4).index_fill(0, torch.tensor(7), math.inf)


class Maker(nn.Module):
    """Gives what it is told to, batch by batch, and notes what it was asked for."""

    def __init__(self, *made):
        super().__init__()
        self.made, self.asked = list(made), []

    def forward(self, z, label=None):
        self.asked.append((z, label))
        return self.made[(len(self.asked) - 1) % len(self.made)]


@pytest.fixture
def read(make_batch):
    """One reading: the first batch of fakes, those after it, and the memory to keep."""

    def read(fake, *more, memory=None, reference=None, n=64, **fields):
        maker, reference = Maker(*more), points(400) if reference is None else reference
        fields = {"z": torch.zeros(len(fake), 3), "reference": reference, "memory": {} if memory is None else memory, **fields}
        networks = Networks(maker, nn.Identity())
        read.asked = maker.asked
        return Cells(n=n, k=4).measure(networks, make_batch(reference[:32], fake, **fields))

    return read


def test_fakes_from_the_data_reach_all_of_it(read):
    readings = read(points(32, seed=1), points(32, seed=2))
    assert readings["cells/js"] == pytest.approx(0, abs=1e-12)  # a quarter in each corner, on both sides
    assert readings["coverage/cells"] == 1
    # three standard deviations of a share of about 0.95 of 64
    assert readings["coverage/recall"] == pytest.approx(readings["coverage/recall_floor"], abs=0.08)
    assert readings["coverage/coverage"] == pytest.approx(readings["coverage/coverage_floor"], abs=0.08)
    assert readings["coverage/recall_floor"] > 0.85
    assert 0 < readings["cells/js_floor"] < 0.05
    assert readings["coverage/cells_floor"] == 1  # a quarter of 64 is never less than 1.6


def test_a_single_mode(read):
    readings = read(points(32, at=[2], seed=1), points(32, at=[2], seed=2))
    assert readings["cells/js"] == pytest.approx((0.25 * math.log(0.4) + 0.75 * math.log(2) + math.log(1.6)) / 2)
    assert readings["cells/js"] > 10 * readings["cells/js_floor"]
    assert readings["coverage/cells"] == 0.25
    # the reals of that corner and no other: a quarter, give or take 0.05, for 64 were drawn
    assert readings["coverage/recall"] < 0.4
    assert readings["coverage/coverage"] < 0.4


def test_churn_is_the_share_that_moved(read):
    memory = {}
    assert "cells/churn" not in read(points(64), memory=memory)
    churns = [read(points(64, at=at), memory=memory)["cells/churn"] for at in ([0, 1, 2, 3], [0, 1], [2, 3], [2, 3, 3, 3])]
    assert churns == [0, 0.5, 1, 0.25]


def test_samples_that_trade_places_stay_below_the_floor_of_churn(read):
    memory = {}
    draws = [torch.randint(4, (64,), generator=torch.Generator().manual_seed(seed)).tolist() for seed in range(20)]
    readings = [read(points(64, at=draw), memory=memory) for draw in draws][1:]
    above = sum(one["cells/churn"] > one["cells/churn_floor"] for one in readings)
    assert above <= 3  # of 19, each with a chance of 0.05: more than 3 come once in 100 times
    assert min(one["cells/churn"] for one in readings) > 0


def test_memory_survives_json(read):
    memory, again = {}, {}
    for fake in (points(64, at=[0, 1, 1]), points(64, at=[1, 2])):
        expected = read(fake, memory=memory, live=points(40))
        again = json.loads(json.dumps(again))
        readings = read(fake, memory=again, live=points(40))
        assert readings == expected
        assert json.loads(json.dumps(again)) == again
    assert "cells/churn" in expected


def test_cells_and_floors_are_made_once(read, monkeypatch):
    memory = {}
    read(points(64), memory=memory, live=points(40))
    monkeypatch.setattr(Partition, "around", None)
    monkeypatch.setattr(Partition, "floors", None)
    monkeypatch.setattr("steadygan.monitoring.cells.floor", None)
    assert read(points(64), memory=memory, live=points(40))


def test_other_settings_start_anew(read):
    memory = {}
    read(points(64), memory=memory)
    assert "cells/churn" not in read(points(64), memory=memory, n=60)


def test_the_same_latents_and_classes_at_every_reading(read):
    label, reference_label = torch.zeros(32, dtype=torch.int64), torch.arange(400) // 100
    asked = []
    for _ in range(2):
        read(points(32), points(32), n=100, label=label, reference_label=reference_label)
        asked.append(read.asked)
    for first, second in zip(*asked, strict=True):
        assert torch.equal(first[0], second[0])
        assert torch.equal(first[1], second[1])
    z, labels = (torch.cat(parts) for parts in zip(*asked[0], strict=True))
    assert len(asked[0]) == 3  # batches of 32 beside the batch's own
    assert len(torch.unique(z, dim=0)) == len(z) == 96
    assert z.std() == pytest.approx(1, abs=0.15)  # 288 numbers: three standard deviations of their own
    assert torch.bincount(labels, minlength=4).min() > 12  # 24 of each are due, give or take 3.7
    read(points(32), points(32), label=label)
    assert torch.equal(read.asked[0][1], label)
    read(points(32), points(32))
    assert read.asked[0][1] is None


def test_latents_are_not_those_that_the_batch_has():
    config = recipe("ring")
    game = assemble(config, open_data(config), Choice("float32", 1, "as asked"))
    batch = Gauge((), game.stream, None, 64).batch(game.state)
    maker = Maker(batch.fake)
    assert Cells().measure(Networks(maker, nn.Identity()), batch)
    assert not torch.equal(maker.asked[0][0], batch.z)


def test_live_reals_against_the_reference(read):
    readings = read(points(64), live=points(48, seed=5))
    assert readings["cells/js_live"] == pytest.approx(0, abs=1e-12)
    assert readings["cells/js_live_floor"] > readings["cells/js_floor"] > 0  # of fewer examples
    broken = read(points(64), live=points(48, at=[0, 1]))
    assert broken["cells/js_live"] == pytest.approx((0.5 * math.log(2) + math.log(4 / 3) + 0.5 * math.log(2 / 3)) / 2)
    for nothing in (None, points(0), points(4) * math.nan):
        assert not any("live" in name for name in read(points(64), live=nothing))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_fakes_that_are_not_finite_give_no_reading(bad, read):
    memory = {}
    read(points(64), memory=memory)
    fake = points(64)
    fake[7, 1] = bad
    assert read(fake, memory=memory, live=points(40)).keys() == {"cells/js_live", "cells/js_live_floor"}
    assert "cells/churn" not in read(points(64), memory=memory)  # since the last reading: there was none


def test_fakes_far_out(read):
    readings = read(1e37 * points(64))
    assert all(map(math.isfinite, readings.values()))
    assert readings["coverage/recall"] == 1  # balls as large as the world: recall alone says little
    assert readings["coverage/coverage"] == 0


@pytest.mark.parametrize(
    "reference", [points(1), points(15), torch.ones(100, 2), points(100) * math.nan, torch.zeros(100, 1, 4, 4), BROKEN]
)
def test_no_cells_no_readings(reference, read):
    memory = {}
    assert read(reference[:1].expand(64, *reference.shape[1:]) + 1, reference=reference, memory=memory) == {}
    assert memory == {}


def test_no_latents_no_readings_of_fakes(read):
    assert read(points(64), z=None, live=points(40)).keys() == {"cells/js_live", "cells/js_live_floor"}


@pytest.mark.parametrize("n", [16, 31, 100])
def test_a_small_reference_has_fewer_cells(n, read):
    memory = {}
    readings = read(points(64), reference=points(n), memory=memory)
    assert len(memory["cells"]["centres"]) == min(4, n // 8)
    assert sum(memory["cells"]["counts"]) == n
    assert all(0 <= value <= 1 for value in readings.values())
    assert "coverage/recall" in readings


def test_a_few_examples_again_and_again(read):
    """As a loader repeats them: fewer distinct points than cells, and balls of radius 0."""
    reference = points(3, at=[0, 1, 2]).repeat(40, 1)
    readings = read(reference[:64], reference=reference)
    assert readings["coverage/recall"] == readings["coverage/coverage"] == readings["coverage/recall_floor"] == 1
    assert readings["cells/js"] < readings["cells/js_floor"]


def test_the_order_of_the_reference_does_not_matter(read):
    for order in (torch.arange(400), torch.arange(400).view(100, 4).T.flatten()):  # in turn, and by corners
        assert read(points(64), reference=points(400)[order])["coverage/recall_floor"] > 0.85
