"""What the loader serves, and the classes it says of it."""

from steadygan.diagnosis.data_fault import DataFault
from steadygan.history import History


def run(**changed: float) -> History:
    """Sixty readings; what is named changes in the second half."""
    usual = {"cells/js_live": 0.1, "cells/js_live_floor": 0.12, "labels/agreement": 0.8, "labels/agreement_floor": 0.7}
    change = {name.replace("__", "/"): value for name, value in changed.items()}
    return History({"step": 50 * (i + 1), **usual, **(change if i >= 30 else {})} for i in range(60))


def test_the_same_data_are_no_fault():
    assert DataFault().check(run()) is None


def test_other_examples_are_told_by_their_cells():
    finding = DataFault().check(run(cells__js_live=0.3))
    assert finding.since == 1650  # the third reading
    assert finding.reason == "The real examples differ from those at the start, since step 1,650."
    assert [item.series for item in finding.evidence] == ["cells/js_live"]


def test_shuffled_classes_are_told_where_the_examples_are_the_same():
    finding = DataFault().check(run(labels__agreement=0.1))
    assert finding.reason == "The classes no longer belong to the real examples, since step 1,650."
    (item,) = finding.evidence
    assert (item.series, item.value, round(item.threshold, 2)) == ("labels/agreement", 0.1, 0.42)


def test_a_game_without_classes_is_judged_by_its_examples():
    history = run(cells__js_live=0.3)
    unlabelled = History({k: v for k, v in record.items() if not k.startswith("labels/")} for record in history)
    assert DataFault().check(unlabelled).verdict == "DATA-FAULT"
