"""Each word of a verdict, by the conditions written at the top of verdicts.py."""

import json
from math import inf, nan

import numpy as np
import pytest
from pydantic import ValidationError

from steadygan.errors import ConfigError, EvaluationError
from steadygan.study.bootstrap import Estimate
from steadygan.study.effects import Effect
from steadygan.study.rules import Rule, Word
from steadygan.study.significance import PairedTest
from steadygan.study.verdicts import judge, rule_on, together

S, Q, C, I = Word.SUPPORTED, Word.QUALIFIED, Word.CONTRADICTED, Word.INCONCLUSIVE  # noqa: E741
NAN = np.nan


def effect(low, value, high, even=0.0):
    return Effect(Estimate(value, low, high), even, PairedTest(0.01, 10, True))


@pytest.mark.parametrize(
    ("low", "value", "high", "p", "margin", "word"),
    [
        (0.1, 0.3, 0.5, 0.01, 0.2, S),
        (0.1, 0.2, 0.5, 0.05, 0.2, S),  # both limits belong to it
        (0.1, 0.3, 0.5, 0.06, 0.2, I),  # the test does not show it
        (0.0, 0.3, 0.5, 0.01, 0.2, I),  # the interval does not exclude 0
        (0.1, 0.15, 0.5, 0.01, 0.2, Q),
        (0.1, 0.15, 0.19, 0.01, 0.2, Q),  # smaller than claimed for certain, yet real
        (-0.1, 0.1, 0.19, 0.3, 0.2, C),  # the effect claimed is ruled out
        (0.1, 0.15, 0.19, 0.3, 0.2, C),
        (-0.1, 0.1, 0.2, 0.3, 0.2, I),
        (-0.5, -0.3, -0.1, 0.01, 0.2, C),
        (-0.5, -0.3, -0.1, 0.01, 0.0, C),
        (-0.5, -0.3, -0.1, 0.3, 0.0, I),  # without a margin only a difference that is shown contradicts
        (-0.5, 0.3, 0.9, 0.01, 0.0, I),
        (0.1, 0.3, 0.5, 0.01, 0.0, S),
        (-inf, 0.3, inf, 0.01, 0.2, I),
        (-inf, nan, inf, 1.0, 0.2, I),
        (2.0, inf, inf, 0.01, 0.2, S),  # the other arm failed
        (-inf, -inf, -inf, 0.01, 0.2, C),
    ],
)
def test_better(low, value, high, p, margin, word):
    rule = Rule(a="a", b="b", metric="m", margin=margin)
    assert rule_on(rule, effect(low, value, high), p)[0] is word
    beyond = Rule(a="a", b="b", metric="m", measure="improvement", margin=margin)
    if 0 < abs(value) < inf and all(abs(end) != 0.2 for end in (value, high)):  # 0.5 + 0.2 is rounded
        assert rule_on(beyond, effect(low + 0.5, value + 0.5, high + 0.5, even=0.5), p)[0] is word


@pytest.mark.parametrize(
    ("low", "value", "high", "word"),
    [
        (-0.1, 0.0, 0.1, S),
        (-0.2, 0.0, 0.2, S),
        (0.05, 0.1, 0.15, S),  # a difference that is shown, and is small
        (0.21, 0.3, 0.4, C),
        (-0.4, -0.3, -0.21, C),
        (-0.1, 0.1, 0.3, Q),
        (-0.3, -0.1, 0.1, Q),
        (-0.1, 0.3, 0.6, I),  # itself beyond the margin
        (-0.3, 0.0, 0.3, I),
        (-inf, 0.0, inf, I),
        (-inf, nan, inf, I),
    ],
)
def test_same(low, value, high, word):
    assert rule_on(Rule(a="a", b="b", metric="m", expect="same", margin=0.2), effect(low, value, high), None)[0] is word


@pytest.mark.parametrize(
    ("words", "word"),
    [
        ([S], S),
        ([S, S], S),
        ([S, I], Q),
        ([S, Q], Q),
        ([S, C], Q),
        ([S, C, C], C),
        ([C, I, I], I),
        ([C, I], C),
        ([Q, I, I], Q),
        ([I, I], I),
    ],
)
def test_together(words, word):
    assert together(words) is word


@pytest.fixture
def table(scores):
    """SN is good everywhere, `none` is worse and fails in 4 of 10 cells, `twin` is SN with a little noise."""
    sn = np.linspace(0.8, 0.9, 10).reshape(2, 5)
    none = np.where(np.arange(10).reshape(2, 5) % 5 < 2, NAN, sn - 0.5)
    twin = sn + np.where(np.arange(10).reshape(2, 5) % 2, 0.01, -0.01)
    arms = {"sn": sn, "none": none, "twin": twin}
    return {(arm, "coverage"): scores(values, arm) for arm, values in arms.items()}


def test_a_claim_of_one_rule_is_explained_by_its_numbers(table):
    found = judge([Rule(a="sn", b="none", metric="coverage", measure="improvement", margin=0.2)], table)
    assert found.word is S
    assert found.sentence == (
        "SUPPORTED: sn better than none in probability of improvement of coverage, by at least 0.2. "
        f"Found {found.rulings[0].effect.estimate}, corrected p 0.002: as claimed. Failed: none 4 of 10."
    )


def test_a_claim_of_several_rules_is_corrected_for_their_number(table):
    rules = [Rule(a="sn", b=b, metric="coverage") for b in ("none", "twin")]
    rules.append(Rule(a="sn", b="twin", metric="coverage", expect="same", margin=0.1))
    found = judge(rules, table)
    assert [ruling.word for ruling in found.rulings] == [S, I, S]
    assert found.rulings[0].p == pytest.approx(2 * 2 / 2**10)  # the smallest p of 10 pairs, times 2 tests; 'same' is none
    assert found.rulings[2].p is None
    assert found.word is Q
    assert found.sentence == "QUALIFIED: of 3 comparisons 2 SUPPORTED, 1 INCONCLUSIVE."


def test_five_pairs_are_told_to_be_too_few(table):
    found = judge([Rule(a="sn", b="none", metric="coverage", settings=("setting 0",))], table)
    assert found.word is I
    assert "5 pairs that differ cannot give a p below 0.062" in found.sentence
    assert "none 2 of 5" in found.sentence


def test_a_study_of_failures_says_nothing(table, scores):
    table |= {(arm, "coverage"): scores(np.full((2, 5), NAN), arm) for arm in ("dead", "gone")}
    for expect in ("better", "same"):
        found = judge([Rule(a="dead", b="gone", metric="coverage", expect=expect, margin=0.1)], table)
        assert found.word is I
        assert "more than a quarter of the cells of both arms failed" in found.sentence
        assert "Failed: dead 10 of 10, gone 10 of 10." in found.sentence
    worse = judge([Rule(a="dead", b="sn", metric="coverage")], table)
    assert worse.word is C


def test_one_seed_says_nothing(scores):
    table = {(arm, "fd"): scores([[value], [value]], arm, higher=False) for arm, value in (("sn", 1.0), ("none", 9.0))}
    for expect in ("better", "same"):
        found = judge([Rule(a="sn", b="none", metric="fd", expect=expect, margin=0.5)], table)
        assert found.word is I
        assert "too few seeds" in found.sentence


def test_verdicts_are_the_same_each_time_and_plain_json(table):
    rules = [Rule(a="sn", b="none", metric="coverage"), Rule(a="twin", b="sn", metric="coverage", measure="stability")]
    first, again = (json.dumps(judge(rules, table, seed=3).plain(), allow_nan=False) for _ in range(2))
    assert first == again
    assert json.loads(first)["rulings"][0]["effect"]["value"] is None  # infinite: `none` is a failure


def test_what_the_study_does_not_have_is_named(table, scores):
    with pytest.raises(ConfigError, match="no arm 'nome' with metric 'coverage'; did you mean 'none / coverage'"):
        judge([Rule(a="sn", b="nome", metric="coverage")], table)
    with pytest.raises(EvaluationError, match="no setting 'G'"):
        judge([Rule(a="sn", b="none", metric="coverage", settings=("G",))], table)
    with pytest.raises(ConfigError, match="at least one rule"):
        judge([], table)
    table["few", "coverage"] = scores([[1.0, 2.0]], "few")
    with pytest.raises(EvaluationError, match="did not run the same cells"):
        judge([Rule(a="sn", b="few", metric="coverage")], table)


def test_a_rule_reads_as_a_sentence():
    assert str(Rule(a="sn", b="none", metric="fd")) == "sn better than none in interquartile mean of fd"
    same = Rule(a="k1", b="k5", metric="fd", measure="relative", expect="same", margin=0.1, settings=("A", "B"))
    assert str(same) == "k1 the same as k5 in relative interquartile mean of fd at A, B, within 0.1"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"b": "sn"}, "the same arm 'sn'"),
        ({"expect": "same"}, "needs a margin above 0"),
        ({"measure": "improvement", "margin": 0.6}, "no effect in improvement exceeds 0.5"),
        ({"margin": -0.1}, "greater than or equal to 0"),
        ({"margin": nan}, "greater than or equal to 0"),
        ({"measure": "speed"}, "Input should be"),
        ({"marign": 0.1}, "Extra inputs"),
    ],
)
def test_rules_that_cannot_be_met_are_refused(wrong, message):
    with pytest.raises(ValidationError, match=message):
        Rule(**{"a": "sn", "b": "none", "metric": "coverage", **wrong})
