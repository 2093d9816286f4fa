import math

import pytest
import torch
from scipy.stats import mannwhitneyu
from torch import nn

from steadygan.game import Networks
from steadygan.monitoring import Memorization
from steadygan.monitoring.memorization import Pool, different, floor

NETWORKS = Networks(nn.Identity(), nn.Identity())
BROKEN = torch.randn(300, 6).index_fill(0, torch.tensor(7), math.inf)


def data(n, seed, features=6):
    """Examples of one distribution, whose columns have other units."""
    return torch.randn(n, features, generator=torch.Generator().manual_seed(seed)) * torch.logspace(-2, 2, features)


@pytest.fixture
def read(make_batch):
    """The closeness of fakes, and its floor: of 300 training and 64 held-out examples."""

    def read(fake, reference=None, heldout=None, made=None):
        reference, heldout = (data(300, 1) if reference is None else reference), data(64, 2) if heldout is None else heldout
        fields = {"reference": reference, "heldout": heldout, "made": {} if made is None else made}
        readings = Memorization().measure(NETWORKS, make_batch(reference[:64], fake, **fields))
        return readings.get("memorization/closeness"), readings.get("memorization/closeness_floor")

    return read


def test_fresh_examples_stay_below_the_floor(read):
    readings = [read(data(64, seed)) for seed in range(10, 70)]
    closeness, floors = zip(*readings, strict=True)
    assert sum(closeness) / 60 == pytest.approx(0.5, abs=0.1)  # all are held against the same 64: two deviations of theirs
    assert sum(a > b for a, b in readings) <= 8  # of 60, each with a chance of 0.05: more come once in 300 times
    assert max(floors) < 0.7


def test_copies(read):
    copies = data(300, 1)[:64]
    assert read(copies) == (1, pytest.approx(floor(64, 64), abs=0.06))  # some have one held-out neighbour
    near = copies + 0.05 * data(64, 5)
    assert read(near)[0] > 0.95
    half = torch.cat([copies[:32], data(32, 6)])
    assert read(half)[0] == pytest.approx(0.75, abs=0.1)
    assert read(half)[0] > read(half)[1]


def test_copies_of_what_was_held_out_are_no_copies(read):
    assert read(data(64, 2))[0] == 0


@pytest.mark.parametrize("n", [20, 300])
def test_far_from_everything_is_not_close(n, read):
    reference = data(n, 1)
    assert read(reference.mean(0) + 100 * data(64, 3), reference=reference)[0] < 0.65


@pytest.mark.parametrize("seed", range(20, 30))
def test_collapsed_in_the_midst_of_the_data_is_not_close(seed, read):
    """By the distances alone these pass for copies: they lie where the data lie thickest."""
    fake = 0.02 * data(64, seed)
    closeness, above = read(fake)
    spread = data(300, 1).std(0)
    pool = Pool.of(data(300, 1).double() / spread)
    alone, usual = pool.nearest(fake / spread).distance, pool.nearest(data(64, 2) / spread).distance
    assert (alone[:, None] < usual).double().mean() > 0.8
    assert closeness < 1.2 * above


def test_a_single_sample_says_nothing(read):
    copies = data(300, 1)[:1].expand(64, -1)
    closeness, above = read(copies)
    assert closeness == 1
    assert 0.5 + 1.5 * (above - 0.5) > 1  # which no closeness is above


def test_images_of_a_few_examples_again_and_again(read):
    """As a loader repeats them: no more held-out neighbours than there are different training examples."""
    random = torch.Generator().manual_seed(4)
    reference, heldout, fresh = (torch.rand(n, 1, 8, 8, generator=random) for n in (20, 64, 64))
    made = {}
    closeness, above = read(fresh, reference.repeat(10, 1, 1, 1), heldout, made)
    assert closeness < above
    assert len(made["memorization"].others.examples) == 20
    assert len(made["memorization"].ratios) == 64
    assert read(reference.repeat(4, 1, 1, 1)[:64], reference.repeat(10, 1, 1, 1), heldout)[0] == 1


def test_the_data_are_looked_at_once(read, monkeypatch):
    made = {}
    first = read(data(64, 9), made=made)
    monkeypatch.setattr("steadygan.monitoring.memorization.Yardstick", None)
    assert read(data(64, 9), made=made) == first


@pytest.mark.parametrize(
    ("reference", "heldout"),
    [
        (None, data(7, 2)),
        (data(7, 1).repeat(50, 1), None),
        (torch.ones(300, 6), None),
        (BROKEN, None),
        (None, BROKEN[:64]),
    ],
)
def test_too_little_to_go_by_gives_no_reading(reference, heldout, read):
    assert read(data(64, 9), reference, heldout) == (None, None)


def test_without_held_out_examples_or_reference(make_batch):
    for fields in ({"reference": data(300, 1)}, {"heldout": data(64, 2)}):
        assert Memorization().measure(NETWORKS, make_batch(data(64, 3), data(64, 4), **fields)) == {}


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_fakes_that_are_not_finite_give_no_reading(bad, read):
    fake = data(64, 9)
    fake[3, 2] = bad
    assert read(fake) == (None, None)


def test_floor_is_that_of_the_rank_sum():
    """The one-sided test of Mann and Whitney at this share of pairs has a p value of 0.05."""
    n, m = 40, 64
    smaller = torch.arange(n) < round(n * floor(n, m))
    x = torch.where(smaller, torch.tensor(-1.0), torch.tensor(2.0)) + torch.arange(n) / 1000
    p = mannwhitneyu(x, torch.arange(m) / m, alternative="less", method="asymptotic", use_continuity=False).pvalue
    assert p == pytest.approx(0.05, abs=0.02)  # a step of one in 40 moves p by as much
    assert floor(1, 8) == 1  # one against eight cannot be beyond chance


def test_different_neighbours():
    assert different(torch.arange(10)) == pytest.approx(10)
    assert different(torch.zeros(10, dtype=torch.int64)) == 1
    assert different(torch.tensor([0, 0, 5, 5])) == pytest.approx(2)


def test_nearest_agrees_with_all_distances():
    x, pool = data(50, 1).double() + 1000, data(80, 2).double() + 1000
    found, distances = Pool.of(pool).nearest(x), torch.cdist(x, pool, compute_mode="donot_use_mm_for_euclid_dist")
    assert torch.equal(found.position, distances.argmin(1))
    assert found.distance == pytest.approx(distances.amin(1))
    assert torch.equal(Pool.of(pool).nearest(pool[:30]).distance, torch.zeros(30, dtype=torch.float64))
    apart = Pool.of(pool).nearest(torch.cat([pool, x]), itself=True)
    assert (apart.distance[:80] > 0).all()
    assert torch.equal(apart.position[80:], found.position)
