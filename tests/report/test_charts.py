import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from steadygan.report.charts import HEIGHT, WIDTH, Curve, Frame, Mark, line_chart

STEPS = np.arange(1.0, 101.0)


def chart(*values, **frame):
    curves = [Curve(f"c{i}", STEPS[: len(v)], np.asarray(v, dtype=float), i + 1) for i, v in enumerate(values)]
    return ET.fromstring(line_chart("Losses", curves, Frame(100, **frame)))


def shapes(svg, kind):
    return [element for element in svg.iter() if kind in (element.get("class") or "").split()]


def points(element):
    return np.array([[float(x), float(y)] for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", element.get("d"))])


def test_a_curve_goes_through_its_values_in_order():
    (curve,) = shapes(chart(np.linspace(0, 1, 100)), "curve")
    xy = points(curve)
    assert len(xy) == 100
    assert np.all(np.diff(xy[:, 0]) > 0)
    assert np.all(np.diff(xy[:, 1]) < 0)  # up is a smaller y
    assert xy.min() >= 0
    assert xy[:, 0].max() <= WIDTH
    assert xy[:, 1].max() <= HEIGHT


def test_every_curve_has_its_own_style():
    svg = chart([1, 2], [2, 1], [1, 1])
    assert [element.get("class") for element in shapes(svg, "curve")] == ["curve s1", "curve s2", "curve s3"]


def test_values_that_are_not_finite_leave_a_gap_and_a_cross():
    svg = chart([1.0, 2.0, np.nan, np.inf, 3.0, 4.0])
    (curve,), (broken,) = shapes(svg, "curve"), shapes(svg, "broken")
    assert curve.get("d").count("M") == 2
    assert broken.get("d").count("M") == 2


def test_a_single_reading_is_still_seen():
    assert len(shapes(chart([1.0]), "dots")) == 1


def test_a_long_curve_is_thinned():
    steps = np.arange(100_000.0)
    svg = line_chart("x", [Curve("a", steps, np.sin(steps))], Frame(1e5))
    assert len(svg) < 10_000


def test_findings_and_levels_are_drawn():
    svg = chart([1.0, 2.0], marks=[Mark(50, "failure")], levels=[(1.5, "floor")])
    assert len(shapes(svg, "failure")) == 1
    assert len(shapes(svg, "floor")) == 1


def test_error_bars_reach_from_value_minus_to_value_plus_error():
    curve = Curve("kid", np.array([1.0, 2.0]), np.array([5.0, 4.0]), errors=np.array([1.0, 0.5]), points=True)
    svg = ET.fromstring(line_chart("KID", [curve], Frame(2)))
    (bars,) = shapes(svg, "error")
    assert bars.get("d").count("V") == 2


def test_labels_from_files_cannot_act():
    hostile = '"><script>alert(1)</script>'
    curve = Curve(hostile, np.array([1.0]), np.array([1.0]))
    svg = line_chart(hostile, [curve], Frame(1, marks=[Mark(1, hostile)], levels=[(1.0, hostile)]))
    assert "<script" not in svg
    ET.fromstring(svg)


@pytest.mark.parametrize("values", [[], [np.nan] * 3, [0.0] * 5, [1e300, -1e300], [1e-300, 1e300]])
@pytest.mark.filterwarnings("error")
def test_any_values_make_a_chart(values):
    assert "nan" not in ET.tostring(chart(values), encoding="unicode").lower().replace("nance", "")


def test_ticks_stay_inside_the_picture():
    svg = ET.fromstring(line_chart("x", [Curve("a", np.array([0.0, 123456.0]), np.array([0.0, 1.0]))], Frame(123456)))
    for text in shapes(svg, "tick"):
        x, half = float(text.get("x")), 3.2 * len(text.text)
        right = x if text.get("text-anchor") == "end" else x + half
        left = x - 2 * half if text.get("text-anchor") == "end" else x - half
        assert left >= -1
        assert right <= WIDTH + 1


def test_the_chart_tells_its_content_in_words():
    assert chart([1.0, 0.25]).get("aria-label") == "Losses over steps: c0 from 1 to 0.25"
