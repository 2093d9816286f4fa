"""Verdicts on a page: the headline, what was found and why, what was read, and what could not be judged."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from steadygan.applications.diagnosing import Diagnosis
from steadygan.cli.finding import COLOURS, body, sure
from steadygan.diagnosis.base import Finding
from steadygan.foreign import Translated
from steadygan.foreign.advice import what_to_log

KINDS = {"failure": "a failure", "warning": "a warning", "info": "for information"}
MOST_LEFT_OUT = 12
WIDEST = 30  # characters of a column before the last


def page(one: Diagnosis, place: str) -> Group:
    """All that there is to say of one run."""
    parts: list[RenderableType] = [headline(one), Text(subject(one.run, place), style="dim")]
    for finding in one.verdict.findings:
        told = [] if finding is behind(one) else [title(finding, one.run)]
        parts += [Text(), *told, Padding(body(finding), (0, 0, 0, 2))]
    return Group(*parts, *read_as(one.run), *not_judged(one))


def several(found: Sequence[Diagnosis], place: str) -> Group:
    """A line for each of several runs, then those with findings in full; what was read as what is told once."""
    pages = [part for one in found if one.verdict.findings for part in (Text(), page(one, place))]
    first = [Text(), Text(subject(found[0].run, place), style="dim"), *read_as(found[0].run)]
    return Group(table(found, place), *(pages or first))


def table(found: Sequence[Diagnosis], place: str) -> Table:
    """A line for each of several runs."""
    headings = [Column(heading, overflow="fold") for heading in ("run", "verdict", "since", "reason")]
    shown = Table(*headings, box=None, pad_edge=False, header_style="bold", title=f"{place}: {len(found)} runs")
    shown.title_justify = "left"
    for one in found:
        since = "" if one.verdict.first_step is None else one.run.step(one.verdict.first_step)
        why = reason.reason if (reason := behind(one)) else ""
        shown.add_row(one.run.name, Text(one.verdict.word, colour(one)), since, why)
    return shown


def headline(one: Diagnosis) -> Text:
    """The verdict, since when, and how sure."""
    verdict, finding = one.verdict, behind(one)
    text = Text(verdict.word, style=colour(one))
    said = "" if verdict.first_step is None else f" since {one.run.step(verdict.first_step)}"
    said += f", {KINDS[finding.severity]}" if finding else ""
    if verdict.confidence is not None:
        said += f", right in {verdict.confidence:.0%} of labelled runs with this much evidence"
    if verdict.word == "HEALTHY" and verdict.not_judged:
        said += f" as far as can be seen: {len(verdict.not_judged)} verdicts could not be judged"
    if verdict.word == "WARMING-UP":
        said += ": too early to tell, or too little to go by"
    return text.append(said, "default not bold")


def title(finding: Finding, run: Translated) -> Text:
    """A finding that is not behind the headline: since when, and how sure."""
    since = "" if finding.since is None else f" since {run.step(finding.since)}"
    text = Text(finding.verdict, style=f"bold {COLOURS[finding.severity]}")
    return text.append(f"{since}, {KINDS[finding.severity]}{sure(finding)}", "default not bold")


def news(one: Diagnosis) -> str:
    """The verdict in one line, for somebody who waits for news."""
    since = "" if one.verdict.first_step is None else f" since {one.run.step(one.verdict.first_step)}"
    why = f": {finding.reason} Try: {finding.advice}" if (finding := behind(one)) else ""
    return f"{one.run.step(one.verdict.step)}: {one.verdict.word}{since}{why}"


def subject(run: Translated, place: str) -> str:
    """What was judged."""
    name = f"{run.name} in {place}" if run.name else place
    steps = run.history.steps()
    if not len(steps):
        return f"{name}: no readings"
    return (
        f"{name}: {len(steps):,} readings of {len(run.history.names())} series, {run.step(steps[0])} to {run.step(steps[-1])}"
    )


def read_as(run: Translated) -> Iterator[RenderableType]:
    """Which column was read as which series, what was left out, and what was done to the readings."""
    naming = run.naming
    rows = [
        (column, one.series, "as you said" if column in naming.given else "guessed") for column, one in naming.chosen.items()
    ]
    if rows:
        yield from section("Read as", rows)
    left = [f"{column} ({why})" if why else column for column, why in naming.left_out.items()]
    more = [f"and {len(left) - MOST_LEFT_OUT} more"] if len(left) > MOST_LEFT_OUT else []
    if left:
        yield from section("Left out", [(", ".join([*left[:MOST_LEFT_OUT], *more]),)])
    if run.notes:
        yield from section("Notes", [(note,) for note in run.notes])


def not_judged(one: Diagnosis) -> Iterator[RenderableType]:
    """What could not be judged, and what to log for it where it is somebody else's log."""
    groups = one.verdict.wanting()
    if not groups:
        return
    yield from section("Not judged, for want of", [("\n".join(names), needs) for needs, names in groups.items()])
    missing = [word.strip("()") for needs in groups for word in needs.split() if "/" in word]
    if not one.run.log.ours and (rows := what_to_log(missing)):
        yield from section("What to log", rows)


def section(title: str, rows: Sequence[Sequence[str]]) -> Iterator[RenderableType]:
    """A heading and some rows under it, the last column wrapped where the line ends."""
    first = [Column(overflow="fold", max_width=WIDEST) for _ in rows[0][1:]]
    grid = Table.grid(*first, Column(overflow="fold"), padding=(0, 2, 0, 0))
    for row in rows:
        grid.add_row(*map(Text, row))
    yield Padding(Text(title, style="bold"), (1, 0, 0, 0))
    yield Padding(grid, (0, 0, 0, 2))


def behind(one: Diagnosis) -> Finding | None:
    """The finding that the headline stands for."""
    return next((finding for finding in one.verdict.findings if finding.verdict == one.verdict.word), None)


def colour(one: Diagnosis) -> str:
    """The colour of a headline."""
    finding = behind(one)
    return f"bold {COLOURS[finding.severity]}" if finding else "bold green" if one.verdict.word == "HEALTHY" else "bold"
