import numpy as np
import pytest

from steadygan.diagnosis import DEFAULT_RULES, Finding, Rule, headline, judge
from steadygan.diagnosis.data_fault import DataFault
from steadygan.diagnosis.measured import precision
from steadygan.history import History


def prefixes(history: History):
    """The history as it stood after each record: what a live run is judged on."""
    records = list(history)
    return [History(records[:end]) for end in range(1, len(records) + 1)]


@pytest.mark.parametrize("seed", range(5))
def test_a_healthy_run_is_healthy_from_the_first_record_to_the_last(healthy, history, seed):
    verdicts = [headline(judge(part), part) for part in prefixes(history(healthy(seed)))]
    assert set(verdicts) == {"WARMING-UP", "HEALTHY"}
    assert verdicts == sorted(verdicts, key=("WARMING-UP", "HEALTHY").index)  # it warms up once


def test_a_scary_but_healthy_run_never_raises_a_finding(scary):
    assert [judge(part) for part in prefixes(scary)] == [[]] * len(scary)
    assert headline([], scary) == "HEALTHY"


def test_each_failure_gets_its_own_verdict_and_no_other(failure):
    verdict, history = failure
    found = judge(history)
    assert {finding.verdict for finding in found} == {verdict}
    assert headline(found, history) == verdict
    assert found[0].severity == "failure"


def test_a_failure_is_still_seen_long_after_it_began(failure):
    """A run that broke at 40% and was left running is no healthy run: the broken part must not become the normal."""
    verdict, history = failure
    records = list(history)
    last = records[-1]
    long_after = [{**last, "step": last["step"] + 50 * (i + 1)} for i in range(3 * len(records))]
    history = History(records + long_after)
    assert headline(judge(history), history) == verdict


def test_findings_come_worst_first_and_the_worst_is_the_headline():
    def finding(verdict, severity):
        return Finding("rule", verdict, severity, 1, "reason", "advice")

    class Says(Rule):
        severity: str

        def check(self, history):
            return finding(self.severity.upper(), self.severity)

    rules = [Says(name=severity, severity=severity) for severity in ("info", "warning", "failure")]
    found = judge(History(), rules)
    assert [item.severity for item in found] == ["failure", "warning", "info"]
    assert headline(found, History()) == "FAILURE"
    assert headline(found[2:], History()) == "WARMING-UP"  # an info is no headline


def test_a_rule_that_raises_is_reported_and_does_not_stop_the_others(failure):
    class Broken(Rule):
        name: str = "broken"

        def check(self, history):
            raise ZeroDivisionError("by zero")

    verdict, history = failure
    found = judge(history, [Broken(), *DEFAULT_RULES])
    assert [item.verdict for item in found] == [verdict, "RULE-FAILED"]
    assert "ZeroDivisionError: by zero" in found[1].reason


def test_it_is_too_early_to_tell_until_there_are_ten_readings(healthy, history):
    series = {name: values[:9] for name, values in healthy().items()}
    series["diversity/pairwise_ratio"] = np.full(9, 0.9)
    assert headline([], history(series)) == "WARMING-UP"


def test_samples_that_have_not_spread_are_warming_up_and_then_a_finding(healthy, history):
    series = healthy()
    series["diversity/pairwise_ratio"] = np.full(len(series["diversity/pairwise_ratio"]), 0.3)
    records = list(history(series))
    early, late = History(records[:39]), History(records[:40])  # steps 1950 and 2000
    assert headline(judge(early), early) == "WARMING-UP"
    assert headline(judge(late), late) == "MODE-COLLAPSE"
    assert judge(late)[0].severity == "warning"


def test_a_rule_of_its_own_is_as_sure_as_it_was_right_on_labelled_runs():
    usual = {"cells/js_live": 0.1, "cells/js_live_floor": 0.12}
    history = History({"step": 50 * (i + 1), **usual, **({"cells/js_live": 0.5} if i >= 30 else {})} for i in range(60))
    (finding,) = [one for one in judge(history) if one.verdict == "DATA-FAULT"]
    assert finding.confidence == precision()["data_fault"] > 0.9
    (other,) = [one for one in judge(history, [DataFault(times=1.5)]) if one.verdict == "DATA-FAULT"]
    assert other.confidence is None  # with these settings nobody has measured it
