import json
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from steadygan.errors import EvaluationError
from steadygan.evaluation import (
    ConditionalAccuracy,
    Extractor,
    FrechetDistance,
    InceptionStyleScore,
    KernelDistance,
    Metric,
    ModeCoverage,
    Neighbours,
    Pixels,
    Points,
    Reference,
    Samples,
    Scores,
    score,
)

METRICS = (KernelDistance(), FrechetDistance(), Neighbours())


@dataclass(frozen=True)
class Dataset:
    examples: Tensor
    labels: Tensor | None = None


def points(n, seed=0, shift=0.0):
    return torch.randn(n, 3, generator=torch.Generator().manual_seed(seed)) + shift


class Counting(Extractor):
    """Points, and how often features were asked for."""

    name: str = "counting"
    calls: ClassVar[list[int]] = []

    def features(self, examples):
        self.calls.append(len(examples))
        return Points().features(examples)

    @property
    def title(self):
        return "counting"


class Halves(Metric):
    """Remembers what it was given."""

    name: str = "halves"
    seen: ClassVar[list[tuple[Tensor, Tensor]]] = []

    def compare(self, real: Samples, fake: Samples) -> dict[str, float]:
        self.seen.append((real.examples, fake.examples))
        return {"halves": 0.0}


def rows(examples):
    return {tuple(row) for row in examples.tolist()}


def test_floor_and_score_are_at_equal_n():
    scores = score(Dataset(points(100)), Dataset(points(40, 1)), extractor=Points(), metrics=METRICS)
    assert (scores.n_real, scores.n_fake, scores.n_floor) == (40, 40, 40)
    assert list(scores.values) == list(scores.floor)
    assert list(scores.values) == ["kid", "kid_standard_error", "frechet", "precision", "recall", "density", "coverage"]
    assert scores.main == "kid"


def test_the_floor_compares_disjoint_reals():
    Halves.seen.clear()
    Reference(points(50), extractor=Points(), metrics=[Halves()]).score(points(20, 1))
    (real, fake), (one, other) = Halves.seen
    assert len(rows(one) | rows(other)) == 40
    assert rows(one) | rows(other) <= rows(points(50))
    assert rows(real) == rows(one)
    assert rows(fake) == rows(points(20, 1))


def test_with_too_few_reals_the_floor_takes_what_there_is_and_says_so():
    scores = score(Dataset(points(50)), Dataset(points(40, 1)), extractor=Points(), metrics=[KernelDistance()])
    assert (scores.n_real, scores.n_fake, scores.n_floor) == (40, 40, 25)
    assert "n = 40 vs 40; real against real at n = 25: " in scores.lines()[0]


def test_a_floor_that_cannot_be_had_is_left_out():
    scores = score(Dataset(points(7)), Dataset(points(7, 1)), extractor=Points(), metrics=[KernelDistance(), FrechetDistance()])
    assert scores.n_floor == 3
    assert list(scores.floor) == ["frechet"]
    assert "too few reals for a floor" in scores.lines()[0]


def test_n_limits_both_sides():
    scores = score(Dataset(points(100)), Dataset(points(80, 1)), extractor=Points(), metrics=METRICS, n=30)
    assert (scores.n_real, scores.n_fake, scores.n_floor) == (30, 30, 30)


def test_the_floor_is_computed_once_for_each_n():
    Halves.seen.clear()
    reference = Reference(points(50), extractor=Points(), metrics=[Halves()])
    for n in (20, 20, 10):
        reference.score(points(n, 1))
    assert [len(fake) for _, fake in Halves.seen] == [
        20,
        20,
        20,
        10,
        10,
    ]  # a score and its floor, a score, a score and its floor


def test_reals_are_extracted_once():
    Counting.calls.clear()
    reference = Reference(points(40), extractor=Counting(), metrics=METRICS)
    first, second = (reference.score(points(20, seed)) for seed in (1, 2))
    assert Counting.calls == [40, 20, 20]
    assert first.floor == second.floor
    assert first.values != second.values


def test_the_same_input_gives_the_same_scores():
    given = (Dataset(points(90)), Dataset(points(40, 1, shift=0.5)))
    first, second = (score(*given, extractor=Points(), metrics=METRICS) for _ in range(2))
    assert first == second


def test_examples_sorted_by_class_are_drawn_from_all_classes():
    """Of reals sorted by class the first half would lack half of the classes, and the other half would be no floor."""
    labels = torch.arange(200) // 50
    examples = 10 * torch.nn.functional.one_hot(labels, 4).float() + 0.1 * torch.randn(200, 4)
    metrics = [ConditionalAccuracy()]
    scores = score(Dataset(examples, labels), Dataset(examples, labels), extractor=Points(), metrics=metrics, n=60)
    assert scores.values == {"conditional_accuracy": 1, "real_accuracy": 1}
    assert scores.floor == scores.values


def test_lines_name_extractor_n_and_floor():
    scores = Scores(
        values={"kid": 1.8234, "kid_standard_error": 0.0312, "precision": 0.8, "recall": 0.7},
        floor={"kid": 0.0912, "kid_standard_error": 0.02, "precision": 0.95, "recall": 0.94},
        n_real=5000,
        n_fake=5000,
        n_floor=5000,
        extractor="EfficientNet-Lite0",
        titles={"kid": "KID", "precision": "precision"},
    )
    assert scores.lines() == [
        "KID 1.82 ± 0.03 (EfficientNet-Lite0, n = 5000 vs 5000; real against real 0.09 ± 0.02)",
        "precision 0.8, recall 0.7 (EfficientNet-Lite0, n = 5000 vs 5000; real against real 0.95, 0.94)",
    ]


def test_as_dict_is_flat_and_goes_to_json():
    scores = score(Dataset(points(40)), Dataset(points(20, 1)), extractor=Points(), metrics=METRICS)
    record = json.loads(json.dumps(scores.as_dict()))
    assert record["main"] == "kid"
    assert record[record["main"]] == scores.values["kid"]
    assert record["floor"] == scores.floor
    assert (record["n_real"], record["n_fake"], record["n_floor"], record["extractor"]) == (20, 20, 20, "points")


def test_toys_are_scored_by_modes():
    centers = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    real, fake = centers.repeat(50, 1) + 0.01 * torch.randn(100, 2), centers[:1].repeat(50, 1)
    metric = ModeCoverage(centers=tuple(map(tuple, centers.tolist())), std=0.01)
    scores = score(Dataset(real), Dataset(fake), extractor=Points(), metrics=[metric])
    assert (scores.values["modes"], scores.floor["modes"]) == (1, 2)
    assert scores.lines()[0].startswith("modes covered (of 2) 1, high quality 1, reverse kl 0.693 (points")


def images(n, channels=1, size=4):
    return torch.randint(0, 256, (n, channels, size, size), dtype=torch.uint8)


@pytest.mark.parametrize(
    ("real", "fake", "metrics", "said"),
    [
        (Dataset(images(20)), Dataset(images(20, channels=3)), METRICS, "fake: 48 features at 'head', the reals have 16"),
        (
            Dataset(images(20), torch.zeros(19, dtype=torch.int64)),
            Dataset(images(20)),
            METRICS,
            "real: 20 examples have 19 labels",
        ),
        (Dataset(images(20)), Dataset(images(20)), [], "metrics: none given"),
        (
            Dataset(images(20)),
            Dataset(images(20)),
            [KernelDistance(), KernelDistance(tap="tap")],
            "kid, kid_standard_error would be",
        ),
        (Dataset(images(20)), Dataset(images(20)), [ConditionalAccuracy()], "the real samples have no labels"),
        (Dataset(images(20)), Dataset(images(2)), METRICS, "kid: needs at least 4 samples on each side, got 2"),
        (Dataset(images(20)), Dataset(images(0)), METRICS, "fake: there are no examples"),
        (Dataset(images(400)), Dataset(images(200)), [InceptionStyleScore()], "no tap 'logits'"),
    ],
)
def test_what_cannot_be_scored_is_named(real, fake, metrics, said):
    with pytest.raises(EvaluationError, match=said):
        score(real, fake, extractor=Pixels(), metrics=metrics)


def test_what_cannot_be_scored_may_be_spared_but_for_the_main_metric():
    reals, fakes, metrics = images(40), images(20), [KernelDistance(), ConditionalAccuracy(), Neighbours()]
    reference = Reference(reals, None, extractor=Pixels(), metrics=metrics)
    scores = reference.score(fakes, spare=True)
    assert {"kid", "coverage"} <= set(scores.values)
    assert "conditional_accuracy" not in scores.values
    assert [why.partition(":")[0] for why in scores.left_out] == ["conditional_accuracy"]
    assert len(scores.lines()) == 2
    for first, spare in ((metrics, False), (metrics[1:], True)):
        with pytest.raises(EvaluationError, match="the real samples have no labels"):
            Reference(reals, None, extractor=Pixels(), metrics=first).score(fakes, spare=spare)
