"""The paired test and Holm's correction, by hand and against scipy."""

import numpy as np
import pytest
from scipy import stats

from steadygan.errors import EvaluationError
from steadygan.study.significance import EXACT_PAIRS, holm, paired_test, sign_flip, signed_ranks

NAN = np.nan


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([1.0], 1.0),  # 2 flips, both as far
        ([1.0, 1.0], 0.5),  # sums 2, 0, 0, -2
        ([3.0, 1.0, -1.0], 0.75),  # sums 5, 3, 3, 1 and their negatives: 6 of 8 reach 3
        ([1.0] * 5, 0.0625),
        ([0.0, 0.0, 2.0, 1.0], 0.5),  # pairs that do not differ say nothing
        ([0.0, 0.0], 1.0),
        ([], 1.0),
    ],
)
def test_sign_flips_by_hand(differences, p):
    found = sign_flip(np.array(differences))
    assert found.p == p
    assert found.exact


def test_sign_flips_as_in_scipy():
    differences = np.random.default_rng(0).normal(size=9) + 0.5
    theirs = stats.permutation_test((differences,), np.sum, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip(differences).p == pytest.approx(theirs.pvalue, rel=1e-12)


def test_drawn_flips_come_near_the_exact_p(monkeypatch):
    """50,000 draws of p = 0.1 or so: three standard errors are 0.004."""
    differences = np.random.default_rng(1).normal(size=EXACT_PAIRS) + 0.4
    exact = sign_flip(differences)
    monkeypatch.setattr("steadygan.study.significance.EXACT_PAIRS", 3)
    drawn = sign_flip(differences, seed=5)
    assert exact.exact
    assert not drawn.exact
    assert drawn.p == pytest.approx(exact.p, abs=0.004)
    assert drawn == sign_flip(differences, seed=5)
    assert drawn != sign_flip(differences, seed=6)


def test_drawn_flips_never_give_zero():
    assert sign_flip(np.ones(60)).p == pytest.approx(1 / 50_001)


def test_what_is_not_finite_is_refused():
    with pytest.raises(EvaluationError, match="finite differences"):
        sign_flip(np.array([1.0, np.inf]))


def test_ranks_share_ties():
    assert signed_ranks(np.array([5.0, -1.0, 1.0, -np.inf])).tolist() == [3.0, -1.5, 1.5, -4.0]
    assert signed_ranks(np.array([])).tolist() == []


def test_paired_test_is_wilcoxons(scores):
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, 5)) + 0.6, rng.normal(size=(2, 5))
    theirs = stats.wilcoxon(a.ravel(), b.ravel(), method="exact").pvalue
    for higher in (True, False):
        assert paired_test(scores(a, higher=higher), scores(b, "b", higher)).p == pytest.approx(theirs, rel=1e-12)


def test_failures_count_in_the_paired_test(scores):
    """Six failures against six scores is as clear as six pairs can be, and two failures are alike."""
    failed, fine = scores([NAN] * 6), scores([1, 2, 3, 4, 5, 6], "b")
    found = paired_test(failed, fine)
    assert (found.p, found.pairs, found.least) == (0.03125, 6, 0.03125)
    alike = paired_test(failed, scores([NAN] * 6, "b"))
    assert (alike.p, alike.pairs) == (1.0, 0)


def test_alike_arms_are_told_apart_no_more_often_than_stated(scores):
    """p <= 0.05 in at most 5% of 400 cases, plus three standard errors of 0.011."""
    rng = np.random.default_rng(4)
    ps = [paired_test(scores(rng.normal(size=(2, 5))), scores(rng.normal(size=(2, 5)), "b")).p for _ in range(400)]
    assert np.mean(np.array(ps) <= 0.05) <= 0.083


def test_holm_by_hand():
    """Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1 is 0.02, 0.03, 0.06, 0.04; the last may not fall below the one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_at_its_ends():
    assert holm([]) == []
    assert holm([0.03]) == [0.03]
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    for wrong in (NAN, -0.1, 1.1):
        with pytest.raises(EvaluationError, match=r"a p lies in 0..1"):
            holm([0.1, wrong])
