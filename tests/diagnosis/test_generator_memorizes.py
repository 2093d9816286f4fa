import numpy as np
import pytest
import torch

from steadygan.assembly import assemble
from steadygan.data.source import Dataset
from steadygan.diagnosis import judge
from steadygan.diagnosis.generator_memorizes import CLOSENESS, FLOOR, GeneratorMemorizes
from steadygan.diagnosis.verdict import not_judged
from steadygan.history import History
from steadygan.measuring import Gauge, Measurement
from steadygan.monitoring import Memorization
from steadygan.recipes import recipe
from steadygan.training.loop import train_steps
from steadygan.training.precision import Choice


def course_of(closeness, floor=0.6, noise=0.03):
    """A history with a reading each 50 steps, noise included."""
    closeness = np.asarray(closeness) + noise * np.random.default_rng(0).standard_normal(len(closeness))
    return History({"step": 50 * (i + 1), CLOSENESS: float(min(value, 1)), FLOOR: floor} for i, value in enumerate(closeness))


@pytest.mark.parametrize("level", [0.1, 0.5, 0.7])
def test_a_generator_that_knows_the_data_only(level):
    assert GeneratorMemorizes().check(course_of([level] * 40)) is None


def test_a_generator_that_begins_to_copy():
    history = course_of([0.5] * 20 + [0.97] * 20)
    finding = GeneratorMemorizes().check(history)
    assert finding.verdict == "GENERATOR-MEMORIZES"
    assert finding.severity == "warning"
    assert 1000 < finding.since <= 1350  # a window of four readings, and three in a row
    (evidence,) = finding.evidence
    assert evidence.series == CLOSENESS
    assert evidence.value > evidence.threshold == 0.85
    assert [cause.name for cause in finding.causes] == ["too few examples", "trained too long"]
    assert "augmentations=[diffaugment]" in finding.advice
    assert [one.verdict for one in judge(history)] == ["GENERATOR-MEMORIZES"]


def test_so_few_different_samples_that_chance_could_do_it():
    assert GeneratorMemorizes().check(course_of([0.97] * 40, floor=0.85)) is None
    finding = GeneratorMemorizes().check(course_of([0.99] * 40, floor=0.8))
    assert finding.evidence[0].threshold == pytest.approx(0.95)
    assert finding.evidence[0].origin == "this run"


def test_two_readings_are_no_state():
    assert GeneratorMemorizes().check(course_of([0.5] * 20 + [1.0] * 2)) is None


def test_without_its_series_it_cannot_judge():
    history = History({"step": i, "loss/generator": 1.0} for i in range(30))
    assert GeneratorMemorizes().check(history) is None
    assert not_judged(history)["GENERATOR-MEMORIZES"] == CLOSENESS
    assert GeneratorMemorizes().check(History({"step": i, CLOSENESS: 1.0} for i in range(30))) is None


def played(n, steps):
    """A real run on n examples of a Gaussian in 20 dimensions, read each 20 steps; 64 others are held out."""
    random = torch.Generator().manual_seed(0)
    known, held = (torch.randn(count, 20, generator=random) for count in (n, 64))
    settings = ["z_dim=8", "batch_size=32", "monitoring.heldout=0", "precision=float32", "threads=1"]
    config, repeated = recipe("ring").changed(settings), known.repeat(-(-32 // n), 1)
    game = assemble(config, Dataset("points", repeated), Choice("float32", 1, "as asked"))
    gauge = Gauge((Memorization(),), game.stream, Dataset("held out", held), 64)
    measurement, history = Measurement(gauge, game.state, 20), History()
    for record in train_steps(game.state, game.stream, game.method, steps):
        measurement.add(record)
        if record.step % 20 == 0:
            history.append({"step": record.step, **measurement.read(game.state)})
    return history


def test_twelve_examples_are_soon_known_by_heart_and_a_thousand_are_not():
    assert GeneratorMemorizes().check(played(12, 200)) is not None
    assert GeneratorMemorizes().check(played(1000, 200)) is None
