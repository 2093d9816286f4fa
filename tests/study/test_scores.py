"""Scores keep each cell, and refuse to pretend that one which is missing was run."""

import subprocess
import sys

import numpy as np
import pytest

from steadygan.errors import EvaluationError
from steadygan.study.scores import Scores, check_paired

CELLS = {("b", 1): 4.0, ("a", 1): 2.0, ("b", 0): None, ("a", 0): 1.0}


def test_gather_does_not_depend_on_the_order_of_the_cells():
    for cells in (CELLS, dict(reversed(CELLS.items()))):
        found = Scores.gather("sn", cells, higher_is_better=True)
        assert found.settings == ("a", "b")
        assert found.seeds == (0, 1)
        np.testing.assert_array_equal(found.values, [[1, 2], [np.nan, 4]])


def test_failed_cells_rank_below_all_others_whichever_way_the_metric_goes():
    for bad in (np.nan, np.inf, -np.inf):
        for higher in (True, False):
            found = Scores("sn", ("a",), (0, 1), np.array([[bad, 5.0]]), higher)
            assert found.failed.tolist() == [[True, False]]
            assert found.goodness.tolist() == [[-np.inf, 5.0 if higher else -5.0]]


def test_a_missing_cell_is_named():
    cells = {key: value for key, value in CELLS.items() if key != ("b", 0)}
    with pytest.raises(EvaluationError, match="1 cells of arm 'sn' are missing, first setting 'b' with seed 0"):
        Scores.gather("sn", cells, higher_is_better=True)


def test_no_cells_and_wrong_shapes_are_refused():
    with pytest.raises(EvaluationError, match="'sn' has no cells"):
        Scores.gather("sn", {}, higher_is_better=True)
    with pytest.raises(EvaluationError, match=r"must be \[settings, seeds\] = \[1, 2\], got \[2, 1\]"):
        Scores("sn", ("a",), (0, 1), np.zeros((2, 1)), True)


def test_only_keeps_rows_and_refuses_unknown_settings():
    found = Scores.gather("sn", CELLS, higher_is_better=True)
    assert found.only(["a"]).values.tolist() == [[1.0, 2.0]]
    with pytest.raises(EvaluationError, match="no setting 'c'"):
        found.only(["a", "c"])


def test_arms_that_did_not_run_the_same_cells_are_not_compared(scores):
    check_paired(scores([1, 2]), scores([3, 4], arm="b"))
    with pytest.raises(EvaluationError, match="did not run the same cells, found 1 x 2 and 1 x 3"):
        check_paired(scores([1, 2]), scores([3, 4, 5], arm="b"))
    with pytest.raises(EvaluationError, match="higher is better for one"):
        check_paired(scores([1, 2]), scores([3, 4], arm="b", higher=False))


def test_the_statistics_load_no_torch():
    code = "import sys, steadygan.study.verdicts; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
