import pytest
import torch

from steadygan.errors import EvaluationError
from steadygan.evaluation import Neighbours
from steadygan.evaluation.neighbours import radii, squared_distances


def line(*values):
    return torch.tensor(values, dtype=torch.float32)[:, None]


def test_a_case_counted_by_hand(samples):
    """Reals 0 1 2 3 with balls of radius 1; fakes 1.5 and 2.5 lie in two each, 10 in none. Fake balls reach 1, 1 and 7.5."""
    scores = Neighbours(k=1).compare(samples(line(0, 1, 2, 3)), samples(line(1.5, 2.5, 10)))
    assert scores == {"precision": pytest.approx(2 / 3), "recall": 3 / 4, "density": pytest.approx(4 / 3), "coverage": 3 / 4}


def test_reals_against_themselves_are_perfect(samples):
    x = samples(torch.randn(60, 3))
    scores = Neighbours().compare(x, x)
    assert (scores["precision"], scores["recall"], scores["coverage"]) == (1, 1, 1)
    assert next(iter(scores)) == "precision"


def test_a_collapsed_generator_is_precise_but_recalls_little(samples):
    real = torch.randn(300, 2)
    scores = Neighbours().compare(samples(real), samples(0.05 * torch.randn(300, 2)))
    assert scores["precision"] > 0.95
    assert scores["recall"] < 0.05
    assert scores["coverage"] < 0.2


def test_scattered_fakes_recall_all_but_are_imprecise(samples):
    scores = Neighbours().compare(samples(0.1 * torch.randn(300, 2)), samples(5 * torch.randn(300, 2)))
    assert scores["recall"] > 0.9
    assert scores["precision"] < 0.1


def test_far_from_the_origin_distances_keep_their_digits(samples):
    """|x|^2 + |y|^2 - 2 x.y at 10,000 would lose distances of 1 to rounding, were the reals not centred first."""
    real, fake = torch.randn(100, 2), torch.randn(100, 2)
    near, far = (Neighbours().compare(samples(real + c), samples(fake + c)) for c in (0, 2.0**14))
    # 2^14 keeps 10 bits behind the point: a sample or two near the edge of a ball may change sides
    assert far == pytest.approx(near, abs=0.03)


def test_radii_do_not_count_the_sample_itself():
    assert radii(line(0, 1, 3, 7), 1).sqrt().tolist() == [1, 1, 2, 4]
    assert radii(line(0, 1, 3, 7), 2).sqrt().tolist() == [3, 2, 3, 6]


def test_distances_are_never_negative():
    x = torch.full((4, 3), 0.1) * torch.arange(1, 5)[:, None]
    assert squared_distances(x, x).min() >= 0


def test_it_takes_more_samples_than_neighbours(samples):
    x = samples(torch.randn(5, 2))
    with pytest.raises(EvaluationError, match="prdc: needs at least 6 samples"):
        Neighbours(k=5).compare(x, x)
