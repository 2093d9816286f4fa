import pytest

from steadygan.study.enough import least_seeds
from steadygan.study.study import Study

KID = {"a": "sn", "b": "none", "metric": "kid", "measure": "improvement"}


def study(rules, settings="A", **more):
    arms = {"sn": [], "none": ["stabilizers=[]"]}
    told = {"name": "t", "arms": arms, "settings": {name: [] for name in settings}, "metrics": {"kid": {"of": "score/kid"}}}
    return Study.of({**told, "rules": rules, **more})


@pytest.mark.parametrize(
    ("rules", "settings", "seeds"),
    [
        ([], "A", 1),
        ([KID], "A", 6),
        ([KID] * 5, "A", 8),
        ([KID], "ABCDEF", 1),
        ([KID | {"measure": "difference"}], "ABCDEF", 3),  # a bootstrap of fewer seeds has no interval
        ([KID | {"expect": "same", "margin": 0.1}], "A", 1),
        ([KID | {"measure": "relative", "expect": "same", "margin": 0.1}], "A", 5),
        (
            [KID, KID | {"settings": ["A"]}],
            "ABCDE",
            6,
        ),  # p of the first is far below, so the second is the last to be corrected
    ],
)
def test_the_seeds_that_rules_take(rules, settings, seeds):
    assert least_seeds(study(rules, settings)) == seeds


def test_settings_that_an_arm_is_not_run_at_give_no_pairs():
    left_out = [{"arm": "none", "setting": "B", "why": "it cannot"}]
    assert least_seeds(study([KID], "AB")) == 3
    assert least_seeds(study([KID], "AB", leave_out=left_out)) == 6
