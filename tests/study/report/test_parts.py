"""The parts of the page one by one."""

from io import StringIO

import pytest
from made_studies import made_results, made_study
from rich.console import Console

from steadygan.cli.study_table import shown
from steadygan.study.measures import Measure
from steadygan.study.report import cast, curves, forest, heat, limits, protocol, sheets
from steadygan.study.result import Result
from steadygan.study.table import Table


def table_of(study, change=lambda result: result):
    return Table.of(study, {result.cell: change(result) for result in made_results(study)})


def test_few_arms_have_a_colour_each():
    assert list(cast.cast(table_of(made_study(4, 1, 3))).values()) == [1, 2, 3, 4]


def test_of_many_arms_those_stand_out_that_it_is_about():
    study = made_study(9, 2, 3)
    found = cast.cast(table_of(study))
    assert sorted(found.values()) == [0, 0, 0, 0, 1, 2, 3, 4, 5]
    assert found[study.rules[0].a]
    assert found["none"]


def test_telling_settings_come_first():
    """At A all are alike; at B one arm fails."""
    study = made_study(3, 2, 3)
    found = table_of(
        study, lambda r: r.with_(values={**r.values, "quality": None if r.setting == "B" and r.arm == "none" else 0.5})
    )
    assert cast.telling(found) == ["B", "A"]


@pytest.mark.parametrize("higher", [True, False])
def test_the_best_has_the_strongest_colour(higher):
    metrics = {"quality": {"of": "score/high_quality", "higher_is_better": higher}}
    study = made_study(3, 1, 3, metrics=metrics, rules=[])
    values = dict(zip(study.arms, (0.2, 0.5, 0.9), strict=True))
    table = table_of(study, lambda r: r.with_(values={"quality": values[r.arm]}, timed={}))
    shades = {arm: int(squares[0].colour[1:]) for arm, squares in heat.heat_map(table, table.main).rows}
    best = max if higher else min
    assert max(shades, key=shades.get) == best(values, key=values.get)
    assert shades["none"] != shades["sn-k5"] != shades["gradient_normalization"]


def test_failures_are_told_in_words_and_signs():
    study = made_study(3, 1, 3)
    lost = {("none", 0), ("sn-k5", 0), ("sn-k5", 1)}
    table = table_of(study, lambda r: r.with_(values={**r.values, "quality": None if (r.arm, r.seed) in lost else 0.5}))
    rows = {arm: squares[0] for arm, squares in heat.heat_map(table, table.main).rows}
    assert (rows["none"].value, rows["none"].failed, rows["none"].told) == (
        "0.50",
        "1/3",
        "none at A: median 0.500, 1 of 3 failed",
    )
    assert (rows["sn-k5"].value, rows["sn-k5"].failed, rows["sn-k5"].colour) == ("", "2/3", "hx")


def test_forest_has_no_line_without_an_interval():
    column = table_of(made_study(3, 1, 2)).main
    assert all("whisker" not in picture for picture in forest.forest(column).values())
    assert "nan" not in "".join(forest.forest(column).values())


def test_bold_is_what_the_test_shows():
    table = table_of(made_study(5, 3, 6))
    sheet = sheets.main_sheet(table, table.main)
    for i, row in enumerate(table.main.rows):
        assert ((i, 5) in sheet.bold) == (row.p is not None and row.p <= 0.05)
    assert [i for i, j in sheet.bold if j == 1] == [table.main.rows.index(row) for row in table.main.leaders]


@pytest.mark.parametrize(
    ("settings", "seeds", "told"),
    [
        (1, 2, "2 seeds at 1 setting give no interval"),
        (1, 5, "5 pairs of cells cannot give a p below 0.062, 0.12 after correction for 2 comparisons"),
        (1, 6, "6 pairs of cells cannot give a p below 0.031, 0.062 after correction for 2 comparisons"),
        (2, 6, None),
    ],
)
def test_what_so_few_seeds_cannot_show(settings, seeds, told):
    found = " ".join(limits.limits(table_of(made_study(3, settings, seeds))))
    assert told in found if told else "cannot give" not in found and "no interval" not in found


def test_metrics_that_some_do_not_have_are_named():
    study = made_study(3, 2, 3)

    def without(result):
        kept = [{key: value for key, value in row.items() if key != "modes"} for row in result.scores]
        return result.with_(scores=kept, values={**result.values, "modes": None}) if result.setting == "B" else result

    assert "modes (score/modes) is not read at B" in " ".join(limits.limits(table_of(study, without)))


def test_no_equal_time_is_explained():
    found = table_of(made_study(3, 1, 3), lambda r: r.with_(cost={"cpu_seconds": 1.0}, timed=dict.fromkeys(r.timed)))
    assert "There is no column at equal time: some cells were not timed, or not scored anywhere near it." in limits.limits(
        found
    )


def test_metrics_in_words():
    told = Measure(of="score/q", at="step", reach=0.5, after=10)
    assert protocol.reads(told) == "step at which score/q is at least 0.5, after step 10"
    assert protocol.fails(told) == "if it never gets there"
    assert protocol.fails(Measure(of="score/q", fails_below=0, fails_above=2)) == "below 0 or above 2"


def test_a_floor_far_away_does_not_squash_the_curves():
    study = made_study(3, 1, 3)
    near = curves.score_panels(table_of(study), dict.fromkeys(study.arms, 1))[0]
    assert "level floor" in near.svg
    small = table_of(study, lambda r: r.with_(scores=[{**row, "high_quality": 0.01 * row["high_quality"]} for row in r.scores]))
    far = curves.score_panels(small, dict.fromkeys(study.arms, 1))[0]
    assert "level floor" not in far.svg
    assert near.note == far.note == "Real against real: 0.989."


def test_many_settings_show_those_that_tell_most():
    study = made_study(3, 9, 2)
    panels = curves.score_panels(table_of(study), dict.fromkeys(study.arms, 1))
    assert len(panels) == curves.MOST_PANELS
    assert [panel.title for panel in panels] == sorted(panel.title for panel in panels)


def printed(table):
    console = Console(width=140, record=True, file=StringIO())
    for each in shown(table):
        console.print(each)
    return console.export_text()


def test_the_terminal_shows_the_same_numbers():
    table = table_of(made_study(3, 2, 3))
    told = printed(table)
    for row in sheets.main_sheet(table, table.main).rows:
        assert all(line in told for text in row for line in text.split("\n"))
    assert "Cost" in told
    assert "Cells" not in told  # nothing is missing


def test_the_terminal_shows_counts_of_a_study_in_progress():
    study = made_study(3, 2, 3)
    only = Result(arm="none", setting="A", seed=0, state="crashed", problem="[bold]x[/bold]")
    told = printed(Table.of(study, {only.cell: only}))
    assert all(word in told for word in ("planned", "18", "crashed", "1", "missing", "17"))
