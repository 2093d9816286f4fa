"""The labelled suite at tiny size: its truth, its injections, and that a run is the same bit for bit and comes back whole."""

import dataclasses
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "doctor"))

import generate
from configurations import configurations
from injections import INJECTIONS, Match, Tap
from play import opened, play
from split import families
from store import save
from worlds import world

from steadygan.card.runs import load
from steadygan.card.truth import SERIES, judged
from steadygan.spectral import SpectralNorm, singular_values
from steadygan.training.loop import train_steps

STEPS = np.arange(50, 3050, 50)
WELL = {"coverage": 1.0, "churn": 0.02, "quality": 1.0, "distance": 0.05, "accuracy": np.nan, "overfit": 0.0, "copying": 1.0}


def a_run(**since: tuple[int, dict[str, float]]):
    """The truth of a run that finds all modes at step 300, and to which things happen."""
    seen = {name: np.full(len(STEPS), value) for name, value in {**WELL, "finite": 1.0}.items()}
    seen["coverage"][STEPS <= 300] = 0.2
    for step, changes in since.values():
        for name, value in changes.items():
            seen[name][step <= STEPS] = value
    return judged(STEPS, seen)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"churn": 0.6}, "oscillation"),
        ({"coverage": 0.3}, "collapse"),
        ({"distance": 9.0}, "divergence"),
        ({"accuracy": 0.1}, "labels"),
        ({"finite": 0.0, "coverage": np.nan, "churn": np.nan, "distance": np.nan}, "divergence"),
    ],
)
def test_an_incident_is_named_and_dated(changes, kind):
    told = a_run(it=(1500, changes))
    assert (told.state, told.kind, told.since) == ("sick", kind, 1500)
    assert told.settled is not None
    assert told.settled < 800
    assert set(told.severity[STEPS.searchsorted(1000) : STEPS.searchsorted(1500)]) == {0}
    assert min(told.severity[STEPS.searchsorted(1700) :]) >= 2


def test_numbers_that_are_not_finite_count_from_the_first():
    told = a_run(it=(150, {"finite": 0.0, "coverage": np.nan, "churn": np.nan, "distance": np.nan}))
    assert (told.state, told.kind, told.since) == ("sick", "divergence", 150)


def test_a_slow_loss_of_modes_is_a_slide():
    steps = {f"at{step}": (step, {"coverage": 1 - (step - 1000) / 1600}) for step in range(1000, 2400, 50)}
    told = a_run(**steps)
    assert told.kind == "slide"
    assert "SLOW-SLIDE" in told.right


def test_slow_is_not_sick_and_never_well_is():
    slow = a_run(start=(0, {"coverage": 0.3}), later=(1600, {"coverage": 1.0}))
    assert slow.state == "stable"
    never = a_run(start=(0, {"coverage": 0.3}))
    assert (never.state, never.kind, never.since) == ("sick", "collapse", 800)
    assert a_run(start=(0, {"coverage": 0.65})).state == "undecided"
    assert a_run(start=(0, {"coverage": 0.3}), later=(1600, {"coverage": 0.65})).state == "undecided"
    assert (
        a_run(short=(1500, {"churn": 0.9}), over=(1650, {"churn": 0.0})).kind == "oscillation"
    )  # three readings in means of four
    assert a_run(blip=(1500, {"coverage": 0.0}), over=(1550, {"coverage": 1.0})).state == "stable"


def test_a_game_that_moves_and_gets_on_is_not_sick():
    rising = {f"at{step}": (step, {"coverage": step / 1700, "churn": 0.5}) for step in range(0, 1700, 50)}
    told = a_run(**rising, over=(1700, {"coverage": 1.0, "churn": 0.1}))
    assert told.state == "stable"
    assert a_run(it=(0, {"coverage": 0.6, "churn": 0.5}), over=(2000, {"coverage": 1.0, "churn": 0.1})).kind == "oscillation"


def test_overfitting_and_copying_are_right_beside_the_rest():
    told = a_run(it=(0, {"overfit": 0.8, "copying": 0.1}))
    assert told.state == "stable"
    assert set(told.right) == {"DISCRIMINATOR-OVERFITS", "GENERATOR-MEMORIZES"}


def test_the_split_has_everything_everywhere():
    everything = configurations()
    assert len({one.name for one in everything}) == len(everything) >= 40
    assert all(one.part == families()[one.data, one.method] for one in everything)
    seen = Counter((one.data, one.part, bool(one.injection)) for one in everything)
    data = {one.data for one in everything} - {"imitation"}  # came after the judge was fitted: all sealed
    assert all(seen[name, part, what] for name in data for part in ("fit", "tune", "sealed") for what in (False, True))
    for part in ("fit", "tune", "sealed"):
        there = {one.injection for one in everything if one.part == part}
        assert there >= {name for name, injection in INJECTIONS.items() if not injection.needs}


@pytest.mark.parametrize("name", ["ring", "grid", "cloud", "imitation"])
def test_the_witness_finds_nothing_wrong_with_the_data_themselves(name):
    (one,) = configurations(f"{name}/plain")
    match, witness, _ = opened(one, 0)
    examples = match.stream.take(torch.arange(witness.world.n))[0]
    match.state.networks = dataclasses.replace(match.state.networks, generator=Fixed(examples))
    witness.look(match.state)
    numbers, histogram = witness.look(match.state)
    assert numbers["coverage"] == 1
    assert numbers["churn"] == 0
    assert numbers["distance"] < 0.1  # two samples of 2500: about 0.03
    assert 0.9 < numbers["quality"] < 1.1
    assert histogram.sum() == witness.world.n


def test_the_witness_sees_collapse_and_hopping():
    (one,) = configurations("ring/plain")
    match, witness, _ = opened(one, 0)
    centers = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    for center in centers:
        match.state.networks = dataclasses.replace(match.state.networks, generator=Fixed(center.expand(witness.world.n, 2)))
        numbers, _ = witness.look(match.state)
    assert numbers["coverage"] == 1 / 8
    assert numbers["churn"] == 1


class Fixed(torch.nn.Module):
    """Gives the same samples whatever it is asked."""

    def __init__(self, samples):
        super().__init__()
        self.samples = samples

    def forward(self, z, label=None):
        return self.samples[: len(z)]


def a_match(name):
    (one,) = configurations(name)
    match, _, _ = opened(one, 0)
    list(train_steps(match.state, match.stream, match.method, 3))
    return match


def go_on(match: Match) -> None:
    list(train_steps(match.state, match.stream, match.method, match.state.step + 8))


@pytest.mark.parametrize("name", [name for name, injection in INJECTIONS.items() if not injection.needs])
def test_every_injection_can_be_played(name):
    match = a_match("ring/r1")
    INJECTIONS[name].act(match)
    go_on(match)
    assert match.state.step == 11


def test_a_frozen_discriminator_stands_still():
    match = a_match("ring/r1")
    INJECTIONS["d_frozen"].act(match)
    before = [parameter.clone() for parameter in match.state.networks.discriminator.parameters()]
    go_on(match)
    assert all(torch.equal(a, b) for a, b in zip(before, match.state.networks.discriminator.parameters(), strict=True))


def test_a_shrunk_discriminator_has_half_its_units():
    match = a_match("grid/sn8")
    INJECTIONS["d_shrunk"].act(match)
    go_on(match)
    weights = [parameter for parameter in match.state.networks.discriminator.parameters() if len(parameter) > 1]
    assert weights
    assert all((weight[: len(weight) // 2] == 0).all() and (weight[len(weight) // 2 :] != 0).any() for weight in weights)


def test_normalization_that_is_not_in_force_is_exceeded():
    match = a_match("grid/sn8")
    INJECTIONS["norm_frozen"].act(match)
    go_on(match)
    layers = SpectralNorm.of(match.state.networks.discriminator).layers.values()
    assert max(float(singular_values(layer).max()) for layer in layers) > 1.5 * 2  # 8 ** (1 / 3) is 2


def test_a_deaf_generator_hears_of_few_modes():
    match = a_match("ring/r1")
    INJECTIONS["g_deaf"].act(match)
    deaf = match.method.stabilizers[0]
    points = world("ring").source.centers.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(deaf.transform(points, None).sum(), points)
    assert gradient.any(1).sum() == len(deaf.modes) == 2


@pytest.mark.parametrize(("name", "n_modes"), [("modes_dropped", 2), ("few_examples", 8)])
def test_data_faults_change_what_is_served(name, n_modes):
    match = a_match("ring/r1")
    INJECTIONS[name].act(match)
    served = torch.cat([match.stream.batch(number)[0] for number in range(20)])
    assert len(match.world.look(served).mode.unique()) == n_modes
    assert name != "few_examples" or len(served.unique(dim=0)) == 50


def test_a_tap_left_alone_is_a_stream():
    match = a_match("ring/r1")
    stream = match.stream
    assert isinstance(stream, Tap)
    assert torch.equal(stream.batch(5)[0], stream.take(stream.indices(5))[0])


def test_a_run_is_the_same_bit_for_bit_and_comes_back_whole(tmp_path):
    (one,) = configurations("ring/rel_r1r2/g_lr_x20")
    first, second, other = (play(one, seed, steps=100) for seed in (1, 1, 0))
    for number, played in enumerate((first, second)):
        save(tmp_path / f"{number}.npz", played)
    assert (tmp_path / "0.npz").read_bytes() == (tmp_path / "1.npz").read_bytes()
    assert first.series != other.series
    stored = load(tmp_path / "0.npz")
    assert [set(record) for record in stored.history] == [set(record) for record in first.series]
    assert stored.history["learning_rate/generator"].tolist() == pytest.approx([2e-3, 4e-2])
    np.testing.assert_array_equal([stored.seen[name] for name in SERIES], first.truth.T.astype(np.float64))
    assert stored.meta["truth"] == stored.truth.plain()
    assert stored.meta["injected"] == 53


def test_a_reading_that_was_not_made_is_no_nan(tmp_path):
    (one,) = configurations("ring/r1")
    played = play(one, 0, steps=100)
    played.series[1].pop("logit/real")
    played.series[1]["logit/fake"] = float("nan")
    save(tmp_path / "0.npz", played)
    last = list(load(tmp_path / "0.npz").history)[1]
    assert "logit/real" not in last
    assert np.isnan(last["logit/fake"])


def test_what_is_there_is_not_made_again(tmp_path, monkeypatch, capsys):
    chosen = configurations("ring/r1", "ring/plain")
    monkeypatch.setattr(generate, "play", lambda one, seed: play(one, seed, steps=50))
    generate.generate(tmp_path, chosen, 1, 1)
    assert len(list(tmp_path.rglob("*.npz"))) == 2
    (tmp_path / "ring" / "r1" / "0.npz").write_bytes(b"half")
    generate.generate(tmp_path, chosen, 1, 1)
    assert "1 are there" in capsys.readouterr().out
    judged_otherwise = [dataclasses.replace(one, config=one.config.with_(rules=())) for one in chosen]
    assert all(generate.there(tmp_path, one, 0) for one in judged_otherwise)
    assert not generate.there(tmp_path, dataclasses.replace(chosen[0], config=chosen[0].config.with_(z_dim=3)), 0)
    generate.tell(tmp_path, chosen)
    assert "2 runs" in capsys.readouterr().out
