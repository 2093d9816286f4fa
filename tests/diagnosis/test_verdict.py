"""What the judge says, in one line and in full."""

import numpy as np

from steadygan.diagnosis import Finding, Rule, Verdict
from steadygan.diagnosis.verdict import LONGEST, not_judged
from steadygan.history import History


class NeedsMine(Rule):
    """A rule of one's own."""

    name: str = "needs_mine"
    verdict = "MINE"
    needs = (("mine/own", "mine/other"), ("loss/",))


def test_verdicts_that_need_the_same_are_told_together():
    verdict = Verdict("HEALTHY", 50, (), {"A": "fake=", "B": "logits=", "C": "fake="})
    assert str(verdict) == "step 50: HEALTHY (not judged: A, C need fake=; B needs logits=)"
    assert verdict.wanting() == {"fake=": ["A", "C"], "logits=": ["B"]}


def test_what_has_no_room_in_the_line_is_counted_and_stays_in_the_mapping():
    blind = {f"VERDICT-{i}": f"a long list of series number {i % 5}" for i in range(12)}
    verdict = Verdict("HEALTHY", 50, (), blind)
    line = str(verdict)
    assert "(not judged: VERDICT-0, VERDICT-5, VERDICT-10 need a long list of series number 0; and 9 more)" in line
    assert len(line) < LONGEST + 60
    assert {item["verdict"]: item["needs"] for item in verdict.as_dict()["not_judged"]} == blind
    assert "more" not in str(Verdict("HEALTHY", 50, (), {"A": "x" * 2 * LONGEST}))  # one alone is told


def test_a_choice_among_several_needs_is_told_apart():
    assert not_judged(History([{"step": 1}]), [NeedsMine()])["MINE"] == "(mine/own or mine/other) and loss/"
    assert not_judged(History([{"step": 1, "loss/generator": 1.0}]), [NeedsMine()])["MINE"] == "mine/own or mine/other"


def test_not_judged_is_of_the_rules_that_judged():
    history = History([{"step": i, "loss/generator": 0.5} for i in range(20)])
    assert set(Verdict.of([], history, 19, rules=[NeedsMine()]).not_judged) == {"MINE"}


def test_the_reason_is_in_the_line():
    finding = Finding("mine", "MINE", "warning", 5, "It swings.", "Do this.", since=2)
    history = History([{"step": i, "loss/generator": np.sin(i)} for i in range(20)])
    verdict = Verdict.of([finding], history, 19, rules=[])
    assert str(verdict) == "step 19: MINE: It swings."
    assert verdict.first_step == 2
