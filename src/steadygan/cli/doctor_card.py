"""`steadygan doctor-card`: how often the judge is right, counted anew on labelled runs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from steadygan.card.card import Card, Table

LONGEST = 28  # characters of what stands first in a row without a break
RUNS = Path("benchmarks/doctor/runs")


def run(
    runs: Annotated[Path, typer.Argument(help="The directory of labelled runs.", show_default=str(RUNS))] = RUNS,
    part: Annotated[list[str] | None, typer.Option(help="sealed, tune or fit; more than one may be given.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Judge runs whose truth is known, and count detections, false alarms and headlines; rules of thumb beside it."""
    from steadygan.card.card import card
    from steadygan.cli.progress import progress_later

    with progress_later("judging", "judged") as progress:
        made = card(runs, tuple(part or ("sealed",)), progress)
    if as_json:
        print(json.dumps(made.as_dict(), indent=1, allow_nan=False))
    else:
        show(made)


def show(made: "Card") -> None:
    """Print all tables."""
    from steadygan.cli.console import console_for

    console = console_for()
    parts = " and ".join(made.parts)
    counts = (
        f"{made.runs} runs of the part {parts}, at most {made.seeds} a configuration: {made.sick} sick, {made.stable} stable"
    )
    console.print(f"{counts} to which nothing was done; the rest are undecided or were not harmed.", highlight=False)
    console.print("Below each share is its interval of 95%; leads and delays are medians, in steps.", highlight=False)
    for table in made.tables:
        console.print()
        console.print(drawn(table))


def drawn(table: "Table") -> object:
    """One table as rich draws it."""
    from rich.table import Table as Drawn

    columns = list(dict.fromkeys(name for row in table.rows.values() for name in row))
    drawn = Drawn(title=table.title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="bold")
    drawn.add_column(table.of, no_wrap=max(map(len, table.rows), default=0) <= LONGEST)
    for name in columns:
        drawn.add_column(name)
    for key, row in table.rows.items():
        drawn.add_row(key, *("-" if row.get(name) is None else str(row[name]) for name in columns))
    return drawn
