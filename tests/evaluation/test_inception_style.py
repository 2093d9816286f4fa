import pytest
import torch

from steadygan.errors import EvaluationError
from steadygan.evaluation import InceptionStyleScore
from steadygan.evaluation.inception_style import class_score


def certain(classes, count):
    """Logits that leave no doubt: [N] -> [N, K]."""
    return 100 * torch.nn.functional.one_hot(classes, count).float()


def test_certain_and_varied_scores_the_number_of_classes():
    assert float(class_score(certain(torch.arange(40) % 8, 8))) == pytest.approx(8)


def test_one_class_or_no_idea_scores_one():
    assert float(class_score(certain(torch.zeros(40, dtype=torch.int64), 8))) == pytest.approx(1)
    assert float(class_score(torch.zeros(40, 8))) == pytest.approx(1)


@pytest.mark.parametrize("classes", [torch.arange(4000) // 1000, torch.arange(4000) % 4], ids=["sorted", "in turns"])
def test_samples_ordered_by_class_score_as_if_mixed(samples, classes):
    """Splits cut from the list, or every 4th sample of it, would hold one class each and score 1.
    Splits of 1000 drawn at random hold shares of 1/4 give or take 0.014, which costs about 0.2% of the score.
    """
    fake = samples(torch.zeros(4000, 1), logits=certain(classes, 4))
    scores = InceptionStyleScore(splits=4).compare(fake, fake)
    assert scores["inception_style"] == pytest.approx(4, rel=0.01)
    assert scores["inception_style_standard_error"] < 0.01


def test_it_needs_logits_and_enough_samples(samples):
    plain = samples(torch.zeros(200, 3))
    with pytest.raises(EvaluationError, match="no tap 'logits'"):
        InceptionStyleScore().compare(plain, plain)
    few = samples(torch.zeros(99, 1), logits=torch.zeros(99, 4))
    with pytest.raises(EvaluationError, match="at least 100"):
        InceptionStyleScore().compare(few, few)


def test_one_split_has_no_error(samples):
    fake = samples(torch.zeros(20, 1), logits=torch.randn(20, 4))
    assert InceptionStyleScore(splits=1).compare(fake, fake)["inception_style_standard_error"] == 0
