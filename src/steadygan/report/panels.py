"""A chart as it stands on the page: with its title, its legend and one sentence on how to read it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from steadygan.report.charts import Curve, Frame, Mark, line_chart
from steadygan.report.read import RunRecord
from steadygan.report.words import number


@dataclass(frozen=True)
class Panel:
    """One chart of the page.

    Attributes:
        title, note: what it shows, and how to read it in one sentence.
        svg: the picture.
        legend: (style, label, newest value) of each curve.
    """

    title: str
    note: str
    svg: Markup
    legend: tuple[tuple[str, str, str], ...] = ()


def frame(record: RunRecord, **more: Any) -> Frame:
    """The step axis that all charts share, with the findings on it."""
    marks = tuple(Mark(item["step"], str(item.get("severity", "info"))) for item in record.findings)
    return Frame(record.last_step, marks, **more)


def panel(
    name: str, note: str, curves: Sequence[Curve], frame: Frame, error: str = "", more: tuple[tuple[str, str, str], ...] = ()
) -> Panel:
    """A chart with its legend; `error` stands behind the newest values, `more` entries behind those of the curves."""
    legend = tuple((f"s{curve.style}", curve.label, number(float(curve.values[-1])) + error) for curve in curves)
    return Panel(name, note, Markup(line_chart(name, curves, frame)), (*legend, *more))
