"""The charts of a study: a score over steps at each setting, and what the monitors of all cells read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
from markupsafe import Markup

from steadygan.report.charts import Frame
from steadygan.report.panels import Panel
from steadygan.report.words import number
from steadygan.study.measures import Measure, Traces
from steadygan.study.report import words
from steadygan.study.report.bands import Band, Points, band, band_chart
from steadygan.study.report.cast import telling
from steadygan.study.report.sheets import Sheet
from steadygan.study.result import Result
from steadygan.study.table import Table

MOST_PANELS = 6


@dataclass(frozen=True)
class Digest:
    """A series that results keep of their history, and how to read it."""

    name: str
    title: str
    note: str
    higher_is_better: bool


DIGESTS = (
    Digest("sigma", "Largest singular value", "Of all layers of the discriminator, the weights as used.", False),
    Digest("effective_rank", "Effective rank", "Share of directions in use, of the layer that has fewest.", True),
    Digest("wobble", "Wobble", "Swing of the gap between logits over what chance makes of it; 1 is a game at rest.", False),
    Digest(
        "sigma_error", "Error of the estimate", "How far power iteration is from the exact value, at the worst layer.", False
    ),
    Digest("diversity", "Diversity of samples", "Pixel distance between samples against that of real images.", True),
    Digest(
        "slope",
        "Steepest slope",
        "Largest gradient of the discriminator that was met: its Lipschitz constant from below.",
        False,
    ),
)


def charted(table: Table) -> tuple[str, Measure] | None:
    """The first metric that reads a score, which has a curve; None where there is none."""
    found = (item for item in table.study.metrics.items() if item[1].of.startswith("score/"))
    return next(found, None)


def score_panels(table: Table, styles: dict[str, int]) -> list[Panel]:
    """A score over steps, a panel a setting; where there are many, those at which the arms differ most."""
    metric = charted(table)
    if metric is None or not table.complete.seeds:
        return []
    chosen = telling(table)[:MOST_PANELS]
    panels = [score_panel(table, metric[1], setting, styles) for setting in table.study.settings if setting in chosen]
    return [panel for panel in panels if panel]


def score_panel(table: Table, measure: Measure, setting: str, styles: dict[str, int]) -> Panel | None:
    """A score over steps at one setting."""
    bands = [
        band(arm, [run(result, measure) for result in table.complete.cells(arm, setting)], rising(measure), styles[arm])
        for arm in table.study.arms
        if table.study.why_not(arm, setting) is None
    ]
    levels = [(value, "") for value in (measure.fails_below, measure.fails_above, measure.reach) if value is not None]
    floor = floor_of(table, measure, setting)
    if floor is None:
        return panel(setting, "", bands, levels)
    near = [(floor, "floor")] if close(floor, [each for each in bands if each]) else []
    return panel(setting, f"Real against real: {number(floor)}.", bands, [*levels, *near])


def panel(title: str, note: str, found: Iterable[Band | None], levels: Sequence[tuple[float, str]] = ()) -> Panel | None:
    """A chart of the bands that there are; None without any."""
    bands = [each for each in found if each]
    if not bands:
        return None
    frame = Frame(max(float(each.steps[-1]) for each in bands), levels=levels)
    return Panel(title, note, Markup(band_chart(title, bands, frame)))


def close(level: float, bands: Sequence[Band]) -> bool:
    """Whether a level leaves the bands at least half of the picture."""
    values = np.concatenate([np.concatenate((each.low, each.middle, each.high)) for each in bands] or [np.empty(0)])
    finite = values[np.isfinite(values)]
    return bool(len(finite)) and float(np.ptp([*finite, level])) <= 2 * float(np.ptp(finite))


def run(result: Result, measure: Measure) -> tuple[Points, bool]:
    """The readings of a cell, and whether it died after the last."""
    return Traces(result.scores, ()).points(measure.of), result.state == "diverged"


def rising(measure: Measure) -> bool:
    """Whether more is better of the series itself, of which a metric may read the step at which it gets somewhere."""
    return measure.rising if measure.reach is not None else measure.higher_is_better


def floor_of(table: Table, measure: Measure, setting: str) -> float | None:
    """What the score reads of real against real, where it was measured."""
    name = measure.of.removeprefix("score/")
    floors = [
        row["floor"]
        for result in table.complete.cells(setting=setting)
        for row in result.scores[-1:]
        if isinstance(row.get("floor"), dict)
    ]
    found = [
        float(value)
        for floor in floors
        for key, value in floor.items()
        if fnmatchcase(key, name) and isinstance(value, int | float)
    ]
    return found[0] if found else None


def trace_panels(table: Table, styles: dict[str, int]) -> list[Panel]:
    """What the monitors read, an arm a line, all its cells together."""
    return [made for digest in DIGESTS if (made := panel(digest.title, digest.note, traces(table, digest, styles)))]


def traces(table: Table, digest: Digest, styles: dict[str, int]) -> list[Band | None]:
    """A series of all arms that have it."""
    found = []
    for arm in table.study.arms:
        cells = [r for r in table.complete.cells(arm) if digest.name in r.traces or r.state == "diverged"]
        runs = [(r.traces.get(digest.name, []), r.state == "diverged") for r in cells]
        found.append(band(arm, runs, digest.higher_is_better, styles[arm]))
    return found


def last_readings(table: Table) -> Sheet | None:
    """The median of the last reading of each series by arm; None where there is none."""
    known = [digest for digest in DIGESTS if any(digest.name in result.traces for result in table.complete.cells())]
    if not known:
        return None
    plain = dict.fromkeys(table.study.arms, 0)
    bands = [dict(zip(plain, traces(table, digest, plain), strict=True)) for digest in known]
    rows = tuple((arm, *(last(by_arm[arm]) for by_arm in bands)) for arm in plain)
    note = "Median of the last reading, over all cells of an arm."
    return Sheet("Last readings", note, ("arm", *(digest.title.lower() for digest in known)), rows, code={0})


def last(found: Band | None) -> str:
    """The last median of a band as text."""
    return words.end(float(found.middle[-1])) if found else words.NONE
