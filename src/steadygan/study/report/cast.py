"""Which arms a chart shows in colour: all where they are few, else those that it is about. And where arms differ most."""

import numpy as np

from steadygan.study.columns import Column
from steadygan.study.table import Table

COLOURS = 5  # that can be told apart, dashes included


def cast(table: Table) -> dict[str, int]:
    """The colour of an arm, 1..5, 0 for one in grey.

    Where arms are many: those that rules expect to win, the reference, and the best of the others.
    """
    arms = list(table.study.arms)
    if len(arms) <= COLOURS:
        return {arm: i + 1 for i, arm in enumerate(arms)}
    wanted = [rule.a for rule in table.study.rules] + [table.study.compared_with] + ranked(table.main)
    chosen = sorted(list(dict.fromkeys(wanted))[:COLOURS], key=arms.index)
    return {arm: chosen.index(arm) + 1 if arm in chosen else 0 for arm in arms}


def ranked(column: Column | None) -> list[str]:
    """The arms by their interquartile mean, the best first; those that fail come last."""
    if column is None:
        return []
    return list(dict.fromkeys(row.arm for row in (*column.ranked, *column.rows)))


def telling(table: Table) -> list[str]:
    """The settings, those first at which the arms differ most: by how many fail, then by how far their medians lie apart."""
    column = table.main
    if column is None:
        return []
    settings = [setting for setting in table.study.settings if setting in column.settings]
    return sorted(settings, key=lambda setting: spread(column, setting), reverse=True)


def spread(column: Column, setting: str) -> tuple[int, float, float]:
    """How many arms are there, how unlike their failure rates are, and how far their medians lie apart."""
    spots = [spot for row in column.rows if (spot := row.spot(setting))]
    rates = [spot.failed.hits / spot.failed.of for spot in spots]
    medians = [spot.median for spot in spots if spot.median is not None]
    size = float(np.abs(medians).mean()) if medians else 0.0
    return len(spots), float(np.std(rates)), float(np.std(medians)) / size if size else 0.0
