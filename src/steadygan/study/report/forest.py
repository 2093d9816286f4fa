"""The interquartile means of all arms with their intervals, a small picture a row on one scale."""

from math import isfinite

import numpy as np
from markupsafe import Markup

from steadygan.report.scales import Scale, value_scale
from steadygan.report.words import short
from steadygan.study.columns import Column, Row

WIDTH, HEIGHT, EDGE = 200, 22, 8  # pixels


def forest(column: Column) -> dict[str, Markup]:
    """A picture an arm, and under the empty name the scale that all share; nothing where all arms fail."""
    ends = [end for row in column.rows for end in (row.middle.value, row.middle.low, row.middle.high) if isfinite(end)]
    if not ends:
        return {}
    scale = value_scale([np.array(ends)], EDGE, WIDTH - EDGE)
    reference = column.row(column.reference)
    level = reference.middle.value if reference else float("nan")
    found = {row.arm: Markup(picture(row, scale, level)) for row in column.rows}
    return {**found, "": Markup(axis(scale))}


def picture(row: Row, scale: Scale, level: float) -> str:
    """An arm's mean as a dot, its interval as a line that runs off the edge where it ends in a failure."""
    parts = [f'<path class="even" d="M{scale(level):.1f} 0V{HEIGHT}"/>'] if isfinite(level) else []
    found = row.middle
    if not isfinite(found.value):
        return svg(parts)
    if isfinite(found.low) or isfinite(found.high):
        start, stop = (scale(end) if isfinite(end) else edge for end, edge in ((found.low, 0.0), (found.high, float(WIDTH))))
        parts.append(f'<path class="whisker" d="M{start:.1f} {HEIGHT / 2}H{stop:.1f}"/>')
    parts.append(f'<circle class="mean" cx="{scale(found.value):.1f}" cy="{HEIGHT / 2}" r="4.2"/>')
    return svg(parts)


def axis(scale: Scale) -> str:
    """The numbers of the scale."""
    texts = (
        f'<text class="tick" x="{scale(tick):.1f}" y="13" text-anchor="middle">{short(tick)}</text>' for tick in scale.ticks(4)
    )
    return svg(list(texts))


def svg(parts: list[str]) -> str:
    """An SVG element; it only repeats what stands beside it."""
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    return f'<svg class="forest" {size} aria-hidden="true">{"".join(parts)}</svg>'
