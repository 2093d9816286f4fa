"""`steadygan audit`: what is normalized in a network, and what voids its bound."""

import contextlib
import json
import sys
from collections.abc import Callable
from typing import Annotated

import typer

STYLES = {"good": "32", "bad": "1;31", "faint": "2", "strong": "1", "warning": "33"}


def run(
    target: Annotated[
        str,
        typer.Argument(
            help="A run's directory, a checkpoint, a .safetensors or .pt file, pkg.module:Class or file.py:Class; a function "
            "that returns a network will do too."
        ),
    ],
    input_shape: Annotated[str | None, typer.Option(help="Of one sample, as 3,32,32. A run knows its own.")] = None,
    player: Annotated[str, typer.Option(help="Of a run: discriminator, generator or both.")] = "both",
    checkpoint: Annotated[str, typer.Option(help="Of a run: last, best, safe or a numbered one.")] = "last",
    settings: Annotated[list[str] | None, typer.Option("--set", help="An argument of the class, as in width=64.")] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Decompose every weight in full, however long it takes.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Show for every layer what normalizes it, how well, and how steep it is; and warn of what voids the bound."""
    from steadygan.applications.auditing import Order, audits, shape_of
    from steadygan.cli.progress import progress_later

    order = Order(target, shape_of(input_shape), player, checkpoint, settings or (), exact)
    with (
        progress_later("measuring", "measured") as progress,
        contextlib.redirect_stdout(sys.stderr),
    ):  # what the network's own code prints
        found = audits(order, progress)
    if as_json:
        networks = {name: audit.as_dict() for name, audit in found.items()}
        print(json.dumps({"target": target, "networks": networks}, indent=1, allow_nan=False))
        return
    for name, audit in found.items():
        show(audit.table, name if len(found) > 1 else "")


def show(table: Callable[..., str], name: str) -> None:
    """Print a table as wide as the terminal, in colour where it has some."""
    from rich.console import Console
    from rich.text import Text

    console = Console()
    width = min(console.width, 140) if console.is_terminal else 100
    text = table(width, painted) if console.is_terminal else table(width)
    console.print(Text.from_ansi(f"{painted(name, 'strong')}\n{text}" if name else text), soft_wrap=True)


def painted(text: str, style: str) -> str:
    """Text in the colour of a style; the console takes it out again where there are none."""
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m"
