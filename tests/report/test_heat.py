import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from steadygan.report.heat import LAST, WIDTH, Row, colour_of, colour_scale, cut, heat_map, ratios, reading, runs
from steadygan.report.scales import Scale

STEPS = np.arange(50.0, 2001.0, 50.0)


def rows(*values):
    return [Row(f"layer{i}", STEPS[: len(v)], np.asarray(v, dtype=float)) for i, v in enumerate(values)]


def test_every_layer_has_its_row_name_and_newest_reading():
    svg = ET.fromstring(heat_map("Sigma", rows(np.full(40, 1.0), np.full(40, 2.0)), np.max))
    texts = [element.text for element in svg.iter() if element.get("class") == "newest"]
    assert texts == ["1.00", "2.00"]
    assert "Sigma of 2 layers" in svg.get("aria-label")


def test_a_row_of_one_value_is_one_piece_from_the_first_step_to_the_last():
    (row,) = rows(np.full(40, 1.0))
    ((colour, start, end),) = runs(row, Scale(0, 2000, 100, 300), np.max, [0.9, 1.0, 1.1])
    assert (colour, start, end) == ("h5", 100, 300)


def test_a_cell_shows_the_worst_reading_that_falls_into_it():
    steps = np.arange(1.0, 721.0)  # ten readings a cell
    values = np.full(720, 0.1)
    values[355] = 0.9
    found = runs(Row("a", steps, values), Scale(0, 720, 0, 720), np.max, [0.1, 0.5, 0.9])
    assert [colour for colour, _, _ in found] == ["h0", "h10", "h0"]
    assert found[1][1:] == (350, 360)


def test_readings_that_are_not_finite_have_a_colour_of_their_own():
    (row,) = rows([1.0, np.nan])
    assert [colour for colour, _, _ in runs(row, Scale(0, 100, 0, 1), np.max, [0.0, 1.0])] == ["h10", "hx"]
    assert ">NaN<" in heat_map("Sigma", [row], np.max)


def test_a_tiny_spread_is_not_blown_up():
    """Normalized layers scatter by half a per cent: they must all have one colour."""
    values = 1 + 0.005 * np.random.default_rng(0).standard_normal(500)
    numbers = colour_scale(values, None)
    assert {colour_of(value, numbers) for value in values} == {"h5"}
    assert numbers[len(numbers) // 2] == 1.0


@pytest.mark.parametrize(("low", "high"), [(1, 30), (4, 400), (1, 1e6), (1e-12, 1e12)])
def test_ratios_are_round_few_and_cover_the_range(low, high):
    numbers = ratios(low, high)
    assert 2 <= len(numbers) <= 11
    assert numbers[0] <= 5 * low or len(numbers) == 11
    assert all(np.diff(np.log(numbers)) > 0)


def test_on_a_scale_of_ratios_the_nearest_is_by_ratio():
    assert colour_of(25, [1, 10, 100]) == "h5"
    assert colour_of(40, [1, 10, 100]) == "h10"


def test_a_known_range_keeps_its_scale():
    assert colour_scale(np.array([0.5, 0.6]), (0, 1)) == pytest.approx(np.linspace(0, 1, 11))


@pytest.mark.parametrize("values", [[np.nan], [0.0], [5.0, 5.0], [-0.01, 0.02], [1e-9, 1e9]])
@pytest.mark.filterwarnings("error")
def test_any_readings_make_a_map(values):
    ET.fromstring(heat_map("x", rows(values), np.max))


def test_long_names_are_cut_in_the_middle_and_told_in_full_on_hover():
    name = "blocks.3.residual.convolution_2"
    assert len(cut(name)) == 17
    svg = heat_map("x", [Row(name, STEPS[:1], np.ones(1))], np.max)
    assert f"<title>{name}</title>" in svg


def test_names_cannot_act():
    svg = heat_map("x", [Row("<b>&", STEPS[:1], np.ones(1))], np.max)
    assert "<b>" not in svg
    ET.fromstring(svg)


@pytest.mark.parametrize("value", [1.0, 0.99996, 42.0, 123.4, 1234.0, 0.0042, -0.0042, 0.00012, -3.8e-7, 1e9, 0.0, -0.5])
def test_a_reading_fits_its_place(value):
    assert 6.3 * len(re.sub("[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]", "", reading(value))) <= LAST - 5
    assert LAST < WIDTH
