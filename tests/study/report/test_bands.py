import numpy as np
import pytest

from steadygan.report.charts import Frame
from steadygan.study.report.bands import Band, band, band_chart, held, quantile

INF = np.inf


def test_a_run_stands_where_it_last_was():
    found = held([(100, 1.0), (300, 3.0)], False, [50, 100, 200, 300, 400])
    assert found[1:] == [1.0, 1.0, 3.0, 3.0]
    assert np.isnan(found[0])


def test_a_dead_run_has_no_value_after_its_end():
    assert np.isnan(held([(100, 1.0)], True, [100, 200])).tolist() == [False, True]
    assert np.isnan(held([(100, None)], False, [100])).all()


@pytest.mark.parametrize(("share", "expected"), [(0.0, -INF), (0.25, -INF), (0.5, 1.5), (0.75, 2.25), (1.0, 3.0)])
def test_no_quantile_lies_between_a_score_and_a_failure(share, expected):
    """Of 4: a quarter of the way is place 0.75, between the failure and 1; the others are interpolated."""
    assert quantile(np.array([[-INF], [1.0], [2.0], [3.0]]), share).tolist() == [expected]


def test_band_of_three_runs_by_hand():
    runs = [([(10, value), (20, 2 * value)], False) for value in (1.0, 2.0, 4.0)]
    found = band("a", runs, True, 1)
    assert (found.low.tolist(), found.middle.tolist(), found.high.tolist()) == ([1.5, 3.0], [2.0, 4.0], [3.0, 6.0])


@pytest.mark.parametrize(("higher", "ends"), [(True, (-INF, 3.0)), (False, (1.5, INF))])
def test_a_dead_run_is_the_worst_whichever_way_is_better(higher, ends):
    runs = [
        ([(10, 1.0), (20, 1.0)], False),
        ([(10, 2.0), (20, 2.0)], False),
        ([(10, 4.0), (20, 4.0)], False),
        ([(10, 4.0)], True),
    ]
    found = band("a", runs, higher, 1)
    low, high = found.low[1], found.high[1]
    assert found.steps.tolist() == [10, 20]
    assert np.isinf(low if higher else high)
    assert np.isfinite(high if higher else low)


def test_no_band_of_nothing():
    assert band("a", [([], True)], True, 1) is None
    assert band("a", [([(10, None)], False)], True, 1) is None


def test_chart_marks_a_median_that_failed():
    line = np.array([1.0, -INF])
    svg = band_chart("t<", [Band("a<b", np.array([1.0, 2.0]), line, line, np.array([1.0, 2.0]), 1)], Frame(2))
    assert 'class="broken"' in svg
    assert "a<b" not in svg
    assert "a&lt;b fails" in svg
    assert "nan" not in svg
    assert "inf" not in svg


def test_arms_in_grey_tell_their_name():
    line = np.array([1.0, 2.0])
    svg = band_chart("t", [Band("a", line, line, line, line, 0)], Frame(2))
    assert "<title>a</title>" in svg
    assert 'class="band' not in svg
