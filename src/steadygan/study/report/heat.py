"""The heat map of arms by settings: the stronger the colour, the better; every cell holds its number, failures are marked."""

from dataclasses import dataclass

import numpy as np

from steadygan.report.heat import COLOURS, colour_of, colour_scale
from steadygan.report.words import short
from steadygan.study.columns import Column, Spot
from steadygan.study.report import words
from steadygan.study.table import Table


@dataclass(frozen=True)
class Square:
    """A cell of the map: its colour class, its number, its failures, and all of it in words."""

    colour: str
    value: str
    failed: str
    told: str


@dataclass(frozen=True)
class HeatMap:
    """Arms by settings.

    Attributes:
        settings: the columns.
        rows: (arm, its squares).
        key: (colour class, number) of the scale, low to high.
    """

    metric: str
    settings: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Square, ...]], ...]
    key: tuple[tuple[str, str], ...]


def heat_map(table: Table, column: Column) -> HeatMap:
    """The map of a metric."""
    settings = tuple(setting for setting in table.study.settings if setting in column.settings)
    medians = [spot.median for row in column.rows for spot in row.spots if spot.median is not None]
    scale = colour_scale(np.array(medians), None)
    rows = tuple(
        (row.arm, tuple(square(row.arm, setting, row.spot(setting), scale, column) for setting in settings))
        for row in column.rows
    )
    key = tuple((shade(level, scale, column), short(level)) for level in scale) if medians else ()
    return HeatMap(column.metric, settings, rows, key)


def square(arm: str, setting: str, spot: Spot | None, scale: list[float], column: Column) -> Square:
    """A cell of the map."""
    where = f"{arm} at {setting}: "
    if spot is None:
        return Square("empty", "", "", f"{where}not run, or not measured")
    lost = f"{spot.failed.hits}/{spot.failed.of}" if spot.failed.hits else ""
    told = f"{spot.failed.hits} of {spot.failed.of} failed"
    if spot.median is None:
        return Square("hx", "", lost, f"{where}{told}")
    return Square(
        shade(spot.median, scale, column),
        words.figure(spot.median, 2),
        lost,
        f"{where}median {words.figure(spot.median)}, {told}",
    )


def shade(value: float, scale: list[float], column: Column) -> str:
    """The colour class of a value, turned so that the strongest is the best."""
    level = int(colour_of(value, scale).removeprefix("h"))
    return f"h{level if column.measure.higher_is_better else COLOURS - 1 - level}"
