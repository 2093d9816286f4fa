import pytest
import torch

from steadygan.errors import EvaluationError
from steadygan.evaluation import Memorization
from steadygan.evaluation.memorization import nearest


@pytest.fixture
def training():
    return torch.randn(400, 6)


def test_copies_are_counted(samples, training):
    fakes = torch.cat([training[:100], torch.randn(300, 6)])
    scores = Memorization().compare(samples(training), samples(fakes))
    # 100 copies; of the 300 fresh ones each is a near-copy with chance 0.01: 3 of 400 expected, 15 would be beyond seven sigmas
    assert 0.25 <= scores["memorization"] < 0.25 + 15 / 400


def test_fresh_reals_score_the_quantile(samples, training):
    """Of 400 fresh samples some 1% are as near as the nearest 1%; with a spread of sqrt(2 * 4) / 400 = 0.7%, 4% is far out."""
    scores = Memorization().compare(samples(training), samples(torch.randn(400, 6)))
    assert scores["memorization"] < 0.04
    assert scores["memorization_distance"] == pytest.approx(1, abs=0.1)


def test_far_fakes_copy_nothing(samples, training):
    scores = Memorization().compare(samples(training), samples(training + 50))
    assert scores["memorization"] == 0
    assert scores["memorization_distance"] > 10


def test_copies_count_even_where_the_data_repeat_themselves(samples, training):
    """With every real twice the yardstick is 0: then a copy is what is at exactly 0."""
    scores = Memorization().compare(samples(training.repeat(2, 1)), samples(torch.cat([training[:150], training[:150] + 1])))
    assert scores["memorization"] == 0.5


def test_nearest_names_the_pair_at_any_size():
    x = torch.randn(2100, 3)  # more than two chunks
    neighbour = nearest(x[[5, 1500, 2099]] + 1e-6, x)
    assert neighbour.position.tolist() == [5, 1500, 2099]
    own = nearest(x)
    assert not (own.position == torch.arange(2100)).any()
    distances = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist").fill_diagonal_(torch.inf)
    torch.testing.assert_close(own.distance, distances.min(1).values, rtol=1e-4, atol=1e-5)


def test_too_few_to_have_a_quantile(samples):
    x = samples(torch.randn(99, 2))
    with pytest.raises(EvaluationError, match="memorization: needs at least 100"):
        Memorization().compare(x, x)
