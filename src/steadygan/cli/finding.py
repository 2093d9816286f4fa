"""A finding on the screen, in the same words while a run goes on and when it is diagnosed."""

import math

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from steadygan.diagnosis.base import ORIGINS, Cause, Evidence, Finding
from steadygan.diagnosis.remedy import OPTION, options_of

COLOURS = {"failure": "red", "warning": "yellow", "info": "cyan"}
MOST_CAUSES = 3


def body(finding: Finding, evidence: bool = True) -> RenderableType:
    """What was found, with its evidence if wanted; why, and what to do about it."""
    rows = Table.grid(padding=(0, 2, 0, 0))
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column(overflow="fold")
    for number, item in enumerate(finding.evidence if evidence else ()):
        rows.add_row("" if number else "evidence", of_evidence(item))
    for number, cause in enumerate(finding.causes[:MOST_CAUSES]):
        rows.add_row("or" if number else "likely", of_cause(cause, finding.reason))
        rows.add_row("try", remedy(cause))
    if not finding.causes and finding.advice:
        rows.add_row("try", bold_options(finding.advice))
    if finding.go_back:
        rows.add_row("go back", f"to {finding.go_back}")
    return Group(Text(finding.reason), rows)


def sure(finding: Finding) -> str:
    """How often so much evidence was right; empty where that was never measured."""
    return "" if finding.confidence is None else f", right in {finding.confidence:.0%} of such runs"


def of_evidence(item: Evidence) -> str:
    """A piece of evidence in one line."""
    over = f", over {item.window:,} steps" if item.window else ""
    origin = ORIGINS.get(item.origin, item.origin)
    against = f" against {item.threshold:.3g} ({origin})" if math.isfinite(item.threshold) else ""
    return f"{item.series} {item.value:.3g}{against}{over}"


def bold_options(advice: str) -> Text:
    """Advice with the options in it set off."""
    text = Text(advice)
    text.highlight_regex(OPTION, "bold")
    return text


def of_cause(cause: Cause, reason: str) -> Text:
    """A cause with what speaks for it, where the finding has not said that already."""
    text = Text(cause.name, style="bold")
    return text.append(f": {cause.reason}", "not bold") if cause.reason and cause.reason != reason else text


def remedy(cause: Cause) -> Text:
    """What to do about a cause; each option on a line of its own."""
    text = Text(cause.advice)
    for option in options_of(cause):
        text.append(f"\n{option}", "bold")
    return text
