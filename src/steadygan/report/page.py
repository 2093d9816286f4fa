"""write_report: one run directory as one page that needs nothing else: no network, no other file."""

import os
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from steadygan.errors import UsageError
from steadygan.report import facts
from steadygan.report.dynamics import dynamics
from steadygan.report.markdown import sentence, to_html
from steadygan.report.read import RunRecord, read_run
from steadygan.report.scores import score_protocol, scores
from steadygan.report.spectra import spectra
from steadygan.report.timeline import axis, timeline

TEMPLATES = Path(__file__).parent / "templates"


def write_report(run: Path) -> Path:
    """Write `report.html` into the run directory, from what lies in it and nothing else; returns its path.

    Raises:
        UsageError: there is no run, or the page cannot be written.
    """
    html = render(read_run(run))
    page, new = run / "report.html", run / ".report.html.new"
    try:
        new.write_text(html, encoding="utf-8")
        os.replace(new, page)
    except OSError as error:
        raise UsageError(
            f"{page}: could not be written: {error.strerror}", "make the directory writable or free some room"
        ) from None
    return page


def render(record: RunRecord) -> str:
    """The page as one string of HTML."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["sentence"] = lambda text: Markup(sentence(text))
    return environment.get_template("report.html").render(context(record))


def context(record: RunRecord) -> dict[str, Any]:
    """Everything that the template shows."""
    return {
        "run": record,
        "style": Markup((TEMPLATES / "style.css").read_text(encoding="utf-8")),
        "script": Markup((TEMPLATES / "script.js").read_text(encoding="utf-8")),
        "verdict": facts.verdict(record),
        "facts": facts.facts(record),
        "best_step": facts.best_step(record),
        "scores": scores(record),
        "score_protocol": score_protocol(record),
        "dynamics": dynamics(record),
        "spectra": spectra(record),
        "timeline": timeline(record),
        "axis": axis(record),
        "plan": Markup(to_html(record.plan)),
        "protocol": facts.protocol(record),
        "repeat": facts.repeat(record),
    }
