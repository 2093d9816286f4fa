"""`steadygan diagnose`: what is wrong with anyone's run, since when, why, and what to do about it."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from steadygan.errors import UsageError

if TYPE_CHECKING:
    from steadygan.applications.diagnosing import Diagnosis, Order


def run(
    path: Annotated[
        Path | None,
        typer.Argument(
            help="A run's directory, TensorBoard event files, a CSV or TSV of scalars, JSON lines such as StyleGAN's "
            "stats.jsonl, a CSV export of W&B; or a folder of several of these."
        ),
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="NAME=COLUMN", help="What a column is, as in loss/discriminator=d_loss or step=it; may come often."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object; what was read goes to stderr.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Follow a run that goes on; a line each time the verdict changes.")
    ] = False,
    samples: Annotated[Path | None, typer.Option(help="A folder of sample images or grids, with steps in their names.")] = None,
    reals: Annotated[Path | None, typer.Option(help="A folder of real images to hold the samples against.")] = None,
    tile: Annotated[int | None, typer.Option(help="Side of one image in a grid of samples, in pixels.")] = None,
) -> None:
    """Say whether a run is healthy, and if not: since when, on what evidence, why, and what to do.

    Exit codes: 0 no failure, 3 a failure was found, 2 nothing that can be judged, 130 a watch that was stopped.
    """
    from steadygan.applications.diagnosing import Order, diagnose, exit_code

    order = Order(path, mapping(given or ()), samples, reals, tile)
    if watch:
        raise typer.Exit(follow(order, as_json))
    found = diagnose(order)
    if as_json:
        say_how(found)
        print(json.dumps(as_plain(found), indent=1, allow_nan=False))
    else:
        show(found, str(path or samples))
    raise typer.Exit(exit_code(found))


def mapping(given: Sequence[str]) -> dict[str, str]:
    """`NAME=COLUMN` as pairs.

    >>> mapping(["loss/discriminator=d_loss"])
    {'loss/discriminator': 'd_loss'}

    Raises:
        UsageError: one is no pair, or a name or column comes twice.
    """
    found: dict[str, str] = {}
    for pair in given:
        name, equals, column = pair.partition("=")
        if not (name and equals and column):
            raise UsageError(f"--map {pair}: expected NAME=COLUMN", "as in --map loss/discriminator=d_loss")
        if name in found or column in found.values():
            raise UsageError(f"--map {pair}: {name if name in found else column!r} is mapped already", "a column is one series")
        found[name] = column
    return found


def follow(order: "Order", as_json: bool) -> int:
    """Watch a run, a line at each change; returns the exit code."""
    from steadygan.applications.diagnosing import Watch, exit_code
    from steadygan.cli.verdicts import news

    newest: list[Diagnosis] = []
    try:
        for found in Watch(order).diagnoses():
            if not newest:
                say_how([found])
            newest = [found]
            line = json.dumps(as_plain(newest), allow_nan=False) if as_json else f"{time.strftime('%H:%M:%S')}  {news(found)}"
            print(line, flush=True)
    except KeyboardInterrupt:
        return 130
    return exit_code(newest)


def as_plain(found: Sequence["Diagnosis"]) -> object:
    """The verdict as a plain mapping; of several runs a list of them under `runs`, each with its name."""
    from steadygan.directory import finite

    if len(found) == 1:
        return finite(found[0].verdict.as_dict())
    return finite({"runs": [{"run": one.run.name, **one.verdict.as_dict()} for one in found]})


def say_how(found: Sequence["Diagnosis"]) -> None:
    """Tell on stderr what was read as what."""
    for one in found:
        for column, guess in one.run.naming.chosen.items():
            print(f"{column} -> {guess.series}", file=sys.stderr)
        for note in one.run.notes:
            print(f"note: {note}", file=sys.stderr)
        if one.verdict.not_judged:
            print(f"not judged: {', '.join(one.verdict.not_judged)}", file=sys.stderr)


def show(found: Sequence["Diagnosis"], place: str) -> None:
    """Print the verdicts as wide as the terminal, in colour where it has some."""
    from rich.console import Console

    from steadygan.cli.verdicts import page, several

    console = Console()
    console = Console(width=min(console.width, 120)) if console.is_terminal else Console(width=min(console.width, 100))
    console.print(page(found[0], place) if len(found) == 1 else several(found, place), highlight=False)
