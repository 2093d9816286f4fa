"""write_study_report: a study as one page that needs no network and no other file, and as Markdown."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from steadygan.directory import write_text
from steadygan.errors import UsageError
from steadygan.report.markdown import sentence
from steadygan.report.page import TEMPLATES as RUN
from steadygan.report.words import title
from steadygan.study.place import StudyDirectory
from steadygan.study.record import record
from steadygan.study.report import cast, curves, headline, limits, protocol, sheets
from steadygan.study.report.forest import forest
from steadygan.study.report.heat import heat_map
from steadygan.study.report.samples import samples
from steadygan.study.table import Table, read_table

TEMPLATES = Path(__file__).parent / "templates"


def write_study_report(place: StudyDirectory, table: Table | None = None) -> Path:
    """Write `report.html` and `report.md` into the study's directory, from what lies there; returns the path of the page.

    Without `cells/` it tells all but the pictures and the machine.

    Raises:
        UsageError: there is no study, or the page cannot be written.
    """
    told = context(table or read_table(place), place)
    try:
        for path, name in ((place.report, "study.html"), (place.markdown, "study.md")):
            write_text(path, environment(name).get_template(name).render(told))
    except OSError as error:
        problem = f"{place.report}: could not be written: {error.strerror}"
        raise UsageError(problem, "make the directory writable or free some room") from None
    return place.report


def environment(name: str) -> Environment:
    """What renders a template; text in HTML is escaped."""
    made = Environment(
        loader=FileSystemLoader([TEMPLATES, RUN]),
        autoescape=name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["sentence"] = lambda text: Markup(sentence(text))
    made.filters["plain"] = plain
    made.filters["code"] = code
    return made


def plain(text: object) -> str:
    """Text for a cell or a line of Markdown, in which nothing of it acts."""
    words = str(text)
    for mark in "\\`*_{}[]<>|#":
        words = words.replace(mark, f"\\{mark}")
    return "<br>".join(words.splitlines())


def code(text: object) -> str:
    """Text as code in Markdown, a span a line; a backtick would end it."""
    return "<br>".join(f"`{line}`" for line in str(text).replace("`", "'").replace("|", "\\|").splitlines())


def context(table: Table, place: StudyDirectory) -> dict[str, Any]:
    """Everything that the templates show."""
    styles, main, metric = cast.cast(table), table.main, curves.charted(table)
    return {
        "table": table,
        "study": table.study,
        "style": Markup(
            "".join(
                (folder / name).read_text(encoding="utf-8") for folder, name in ((RUN, "style.css"), (TEMPLATES, "study.css"))
            )
        ),
        "verdict": headline.headline(table),
        "rulings": headline.rulings(table),
        "record": record(place, table.study),
        "facts": headline.facts(table),
        "main": sheets.main_sheet(table, main) if main else None,
        "forest": forest(main) if main else {},
        "others": sheets.other_sheet(table),
        "details": [sheets.main_sheet(table, column) for column in table.columns[1:] if column.rows],
        "heat": heat_map(table, main) if main else None,
        "spots": sheets.spot_sheet(table, main) if main else None,
        "styles": styles,
        "curves": curves.score_panels(table, styles),
        "curved": title(metric[1].of.removeprefix("score/")) if metric else "",
        "traces": curves.trace_panels(table, styles),
        "readings": curves.last_readings(table),
        "samples": samples(table, place) if main else None,
        "cost": sheets.cost_sheet(table),
        "limits": limits.limits(table),
        "lost": limits.lost_cells(table),
        "protocol": protocol.protocol(table, place),
        "asked": [protocol.arm_sheet(table.study), protocol.setting_sheet(table.study), protocol.metric_sheet(table.study)],
    }
