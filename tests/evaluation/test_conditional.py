import pytest
import torch

from steadygan.errors import EvaluationError
from steadygan.evaluation import ConditionalAccuracy
from steadygan.evaluation.conditional import accuracy, fit


def clusters(n, spread, seed):
    """Features around three corners: [N, 2], [N]."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (n,), generator=random)
    corners = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    return corners[labels] + spread * torch.randn(n, 2, generator=random), labels


def test_well_apart_classes_are_all_right(samples):
    scores = ConditionalAccuracy().compare(samples(*clusters(300, 0.3, 0)), samples(*clusters(200, 0.3, 1)))
    assert scores == {"conditional_accuracy": 1, "real_accuracy": 1}


def test_fakes_of_the_wrong_class_are_all_wrong(samples):
    features, labels = clusters(200, 0.3, 1)
    scores = ConditionalAccuracy().compare(samples(*clusters(300, 0.3, 0)), samples(features, (labels + 1) % 3))
    assert scores == {"conditional_accuracy": 0, "real_accuracy": 1}


def test_overlapping_classes_come_near_the_best_possible(samples):
    """The best classifier here names the nearest corner; fitted to half of 2000 reals, ours comes within 3 points of it."""
    real, fake = clusters(2000, 2, 0), clusters(2000, 2, 1)
    corners = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    best = float((torch.cdist(fake[0], corners).argmin(1) == fake[1]).double().mean())
    assert 0.6 < best < 0.9
    scores = ConditionalAccuracy(ridge=1e-2).compare(samples(*real), samples(*fake))
    assert scores["conditional_accuracy"] == pytest.approx(best, abs=0.03)
    assert scores["real_accuracy"] == pytest.approx(best, abs=0.05)


def test_labels_without_meaning_leave_chance(samples):
    """Held-out accuracy on random labels is 1/3, with a spread of 0.02 at 500; the fitted half must not leak into it."""
    features, labels = clusters(1000, 2, 0)
    labels = labels.roll(1)  # those of other samples
    scores = ConditionalAccuracy().compare(samples(features, labels), samples(features, labels))
    assert scores["real_accuracy"] == pytest.approx(1 / 3, abs=0.08)


def test_only_so_many_are_fitted(samples):
    few = ConditionalAccuracy(most=20)
    scores = few.compare(samples(*clusters(300, 0.3, 0)), samples(*clusters(200, 0.3, 1)))
    assert scores["real_accuracy"] > 0.95


def test_a_constant_feature_does_no_harm():
    features, labels = clusters(100, 0.3, 0)
    features = torch.cat([features, torch.full((100, 1), 7.0)], 1)
    assert accuracy(fit(features, labels, 1e-4), features, labels) == 1


@pytest.mark.parametrize("side", ["real", "fake"])
def test_labels_are_needed_on_both_sides(samples, side):
    features, labels = clusters(40, 0.3, 0)
    given, bare = samples(features, labels), samples(features)
    with pytest.raises(EvaluationError, match=f"the {side} samples have no labels"):
        ConditionalAccuracy().compare(*((bare, given) if side == "real" else (given, bare)))


@pytest.mark.parametrize("labels", [torch.arange(100) // 50, torch.arange(100) % 2], ids=["sorted", "in turns"])
def test_reals_ordered_by_class_are_fitted_from_all_classes(samples, labels):
    given = samples(9 * labels[:, None] + 0.1 * torch.randn(100, 2), labels)
    assert ConditionalAccuracy().compare(given, given) == {"conditional_accuracy": 1, "real_accuracy": 1}
