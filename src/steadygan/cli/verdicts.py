"""Verdicts on a page: the headline, what was found and why, what was read, and what could not be judged."""

import math
from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from steadygan.applications.diagnosing import Diagnosis
from steadygan.diagnosis.base import Cause, Evidence, Finding
from steadygan.foreign import Translated
from steadygan.foreign.advice import advice

COLOURS = {"failure": "bold red", "warning": "bold yellow", "info": "cyan"}
MOST_LEFT_OUT = 12


def page(one: Diagnosis, place: str) -> Group:
    """All that there is to say of one run."""
    parts: list[RenderableType] = [headline(one), Text(subject(one.run, place), style="dim")]
    for finding in one.verdict.findings:
        parts += [Text(), *about(finding, one.run)]
    return Group(*parts, *read_as(one.run), *not_judged(one))


def several(found: Sequence[Diagnosis], place: str) -> Group:
    """A line for each of several runs, then those with findings in full; what was read as what is told once."""
    pages = [part for one in found if one.verdict.findings for part in (Text(), page(one, place))]
    first = [Text(), Text(subject(found[0].run, place), style="dim"), *read_as(found[0].run)]
    return Group(table(found, place), *(pages or first))


def table(found: Sequence[Diagnosis], place: str) -> Table:
    """A line for each of several runs."""
    shown = Table(
        "run", "verdict", "since", "reason", box=None, pad_edge=False, header_style="bold", title=f"{place}: {len(found)} runs"
    )
    shown.title_justify = "left"
    for one in found:
        behind = behind_it(one)
        since = "" if one.verdict.first_step is None else one.run.step(one.verdict.first_step)
        shown.add_row(one.run.name, Text(one.verdict.word, colour(one)), since, behind[0].reason if behind else "")
    return shown


def headline(one: Diagnosis) -> Text:
    """The verdict, since when, and how sure."""
    verdict = one.verdict
    text = Text(verdict.word, style=colour(one))
    if verdict.first_step is not None:
        text.append(f" since {one.run.step(verdict.first_step)}", "default not bold")
    if verdict.confidence is not None:
        text.append(f", right in {verdict.confidence:.0%} of labelled runs with this much evidence", "default not bold")
    if verdict.word == "HEALTHY" and verdict.not_judged:
        text.append(f" as far as can be seen: {len(verdict.not_judged)} verdicts could not be judged", "default not bold")
    if verdict.word == "WARMING-UP":
        text.append(": too early to tell, or too little to go by", "default not bold")
    return text


def news(one: Diagnosis) -> str:
    """The verdict in one line, for somebody who waits for news."""
    since = "" if one.verdict.first_step is None else f" since {one.run.step(one.verdict.first_step)}"
    behind = behind_it(one)
    why = f": {behind[0].reason} Try: {behind[0].advice}" if behind else ""
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


def about(finding: Finding, run: Translated) -> Iterator[RenderableType]:
    """One finding: reason, evidence, causes and advice."""
    title = Text(finding.verdict, style=COLOURS[finding.severity])
    since = "" if finding.since is None else f", since {run.step(finding.since)}"
    sure = "" if finding.confidence is None else f", right in {finding.confidence:.0%}"
    yield title.append(f"  {finding.severity}{since}{sure}", "default not bold")
    yield Padding(Text(finding.reason), (0, 0, 0, 2))
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column(overflow="fold")
    for number, item in enumerate(finding.evidence):
        rows.add_row("" if number else "evidence", told(item))
    for number, cause in enumerate(finding.causes):
        rows.add_row("or" if number else "cause", of_cause(cause))
    if not finding.causes:
        rows.add_row("try", finding.advice)
    yield Padding(rows, (0, 0, 0, 2))


def told(item: Evidence) -> Text:
    """A piece of evidence in one line."""
    over = f" over {item.window:,} steps" if item.window else ""
    against = f", held against {item.threshold:.3g} ({item.origin})" if math.isfinite(item.threshold) else ""
    return Text(f"{item.series} is {item.value:.3g}{against}{over}")


def of_cause(cause: Cause) -> Text:
    """A cause with what speaks for it and what to do about it."""
    text = Text(cause.name, style="bold").append(f": {cause.reason}", "not bold")
    text.append(f"\ntry: {cause.advice}", "not bold")
    for setting in cause.settings:
        text.append(f"\n     --set {setting}", "not bold dim")
    return text


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
    """What could not be judged, and what to log for it."""
    blind = one.verdict.not_judged
    if not blind:
        return
    yield from section("Not judged, for want of", list(blind.items()))
    how: dict[str, list[str]] = {}
    for word in dict.fromkeys(word for needs in blind.values() for word in needs.split() if "/" in word):
        if said := advice(word):
            how.setdefault(said, []).append(word)
    if how:
        yield from section("What to log", [("\n".join(series), said) for said, series in how.items()])


def section(title: str, rows: Sequence[Sequence[str]]) -> Iterator[RenderableType]:
    """A heading and some rows under it, the last column wrapped where the line ends."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    for _ in rows[0][1:]:
        grid.add_column(overflow="fold")
    grid.add_column(overflow="fold")
    for row in rows:
        grid.add_row(*map(Text, row))
    yield Padding(Text(title, style="bold"), (1, 0, 0, 0))
    yield Padding(grid, (0, 0, 0, 2))


def behind_it(one: Diagnosis) -> list[Finding]:
    """The findings that the headline stands for."""
    return [finding for finding in one.verdict.findings if finding.verdict == one.verdict.word]


def colour(one: Diagnosis) -> str:
    """The colour of a headline."""
    behind = behind_it(one)
    return COLOURS[behind[0].severity] if behind else "bold green" if one.verdict.word == "HEALTHY" else "bold"
