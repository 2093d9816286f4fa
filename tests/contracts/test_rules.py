"""What every rule must keep, whatever it judges: a new row of the table is tested here with no new code."""

import json

import numpy as np
import pytest

from steadygan.diagnosis import DEFAULT_RULES, RULES, Finding, judge
from steadygan.history import History

NAMES = (
    *("loss/discriminator", "loss/generator", "penalty/r1", "grad_norm/discriminator", "grad_norm/generator", "logit/real"),
    *("logit/fake", "accuracy/discriminator", "gap/logits", "logit_std/real", "diversity/pairwise_ratio", "sigma/D.a"),
    *("learning_rate/discriminator", "learning_rate/generator"),
)
WEIRD = {
    "empty": [],
    "one record": [{"step": 1, **dict.fromkeys(NAMES, 0.5)}],
    "steps only": [{"step": i} for i in range(50)],
    "all zero": [{"step": i, **dict.fromkeys(NAMES, 0.0)} for i in range(50)],
    "all nan": [{"step": i, **dict.fromkeys(NAMES, np.nan)} for i in range(50)],
    "all infinite": [{"step": i, **dict.fromkeys(NAMES, np.inf)} for i in range(50)],
    "half nan": [{"step": i, **dict.fromkeys(NAMES, np.nan if i % 2 else 0.5)} for i in range(50)],
    "huge": [{"step": i, **dict.fromkeys(NAMES, (-1) ** i * 1e300)} for i in range(50)],
    "wide": [{"step": i, **dict.fromkeys(NAMES, 10.0 ** ((i % 7 - 3) * 100))} for i in range(50)],
    "other names": [{"step": i, "something/else": 1.0} for i in range(50)],
}


@pytest.fixture(params=RULES)
def rule(request):
    return RULES.build(request.param)


def collapsing(length: int = 60) -> History:
    """Everything goes wrong at once, so that each rule has something to say."""
    bad = {"accuracy/discriminator": 1.0, "diversity/pairwise_ratio": 0.1, "grad_norm/generator": 1e-9}
    bad |= {"cells/js_live": 0.5, "update_norm/discriminator": 0.0, "sigma_error/max": 0.5, "logit/held_out": -2.0}
    bad["memorization/closeness"] = 1.0
    loud = {"gap/logits": 1e9, "grad_norm/discriminator": 1e9, "loss/discriminator": np.nan}
    still = {
        "cells/js_live_floor": 0.1,
        "memorization/closeness_floor": 0.6,
        "weight_norm/discriminator": 1.0,
        "update_norm/generator": 0.1,
        "learning_rate/discriminator": 1e-4,
    }
    still |= {
        "weight_norm/generator": 1.0,
        "logit/real": 1.0,
        "logit/fake": -1.0,
        "logit_std/real": 1.0,
        "learning_rate/generator": 1e-4,
    }
    good = {**dict.fromkeys(bad, 0.1), "gap/logits": 1.0, "grad_norm/discriminator": 1.0, "loss/discriminator": 1.0}
    good |= {"accuracy/discriminator": 0.9, "diversity/pairwise_ratio": 0.9, "grad_norm/generator": 0.9, "logit/held_out": 1.0}

    def reading(i: int) -> dict[str, float]:
        sliding = {"coverage/cells": 1 - 1.5 * i / length, "sigma/D.a": 100.0 if i >= length - 3 else 1.0}
        sliding["gap/swing"] = 9.0 if i >= length - 5 else 1.0
        return {"step": 50 * (i + 1), **still, **sliding, **(good if i < length // 2 else {**bad, **loud})}

    return History(map(reading, range(length)))


def test_it_stands_in_the_table_under_its_own_name_and_among_the_defaults(rule):
    assert RULES[rule.name] is type(rule)
    assert rule.name in [other.name for other in DEFAULT_RULES]


def test_it_can_be_written_down_and_built_again(rule):
    assert RULES.build(json.loads(json.dumps(rule.spec()))) == rule


def fused(moving: bool, length: int = 60, trace: float = 1.0) -> History:
    """All that the fused judge reads; from half way on the samples are in one place, which moves or not, wide or not."""
    still = {"gap/chance": 0.1, "cells/js_floor": 0.05, "coverage/cells_floor": 0.9, "coverage/recall_floor": 0.9}
    still |= {"cells/churn_floor": 0.2, "logit_std/real": 1.0, "sigma_error/D.a": 0.0}
    good = {"gap/mean": 0.2, "gap/swing": 0.1, "update_coherence/discriminator": 0.0, "dispersion/logits": 1.0}
    good |= {"ema/sample_gap": 0.1, "diversity/pairwise_ratio": 1.0, "cells/js": 0.05, "cells/churn": 0.1, "wobble/logits": 1.0}
    good |= {"coverage/cells": 0.9, "coverage/recall": 0.9, "auc/discriminator": 0.55}
    bad = {"dispersion/logits": 0.2, "diversity/pairwise_ratio": 0.2, "cells/js": 0.5}
    bad |= {"coverage/cells": 0.1, "coverage/recall": 0.1}
    hops = {"gap/swing": 0.6, "wobble/logits": 6.0, "update_coherence/discriminator": 0.97, "cells/churn": 0.8}
    hops |= {"ema/sample_gap": 0.9}
    worse = {**bad, **(hops if moving else {}), "diversity/trace_ratio": trace}
    return History({"step": 50 * (i + 1), **still, **good, **(worse if i >= length // 2 else {})} for i in range(length))


@pytest.mark.parametrize("kind", WEIRD)
@pytest.mark.filterwarnings("error")
def test_it_never_raises_and_never_warns(rule, kind):
    finding = rule.check(History(WEIRD[kind]))
    assert finding is None or isinstance(finding, Finding)


@pytest.mark.parametrize("missing", NAMES)
def test_a_missing_series_is_a_missing_vote(rule, missing):
    records = [{name: value for name, value in record.items() if name != missing} for record in collapsing()]
    rule.check(History(records))


def test_it_is_silent_without_readings(rule):
    for kind in ("empty", "steps only", "other names"):
        assert rule.check(History(WEIRD[kind])) is None


def test_its_finding_has_all_that_a_reader_needs(rule):
    history = next(one for one in (collapsing(), fused(True), fused(False), fused(False, trace=9.0)) if rule.check(one))
    finding = rule.check(history)
    assert finding.rule == rule.name
    assert finding.step == 3000
    assert finding.verdict == finding.verdict.upper()
    assert finding.reason.endswith(".")
    assert finding.advice or finding.severity == "info"
    assert finding.severity == "info" or finding.verdict == rule.verdict
    assert finding.evidence
    assert all(item.series in history for item in finding.evidence)
    assert next(iter(finding.as_dict())) == "step"


def test_it_reads_and_does_not_write(rule):
    history = collapsing()
    before = [dict(record) for record in history]
    rule.check(history)
    np.testing.assert_equal(list(history), before)


def test_all_rules_together_judge_anything():
    for records in WEIRD.values():
        assert "RULE-FAILED" not in [finding.verdict for finding in judge(History(records))]
