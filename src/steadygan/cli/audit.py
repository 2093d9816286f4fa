"""`steadygan audit`: what is normalized in a network, and what voids its bound."""

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Annotated

import typer

STYLES = {"good": "32", "bad": "1;31", "faint": "2", "strong": "1", "warning": "33"}
QUIET_SECONDS, SECONDS_BETWEEN_LINES = 2, 10
Progress = Callable[[int, int], None]


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

    order = Order(target, shape_of(input_shape), player, checkpoint, settings or (), exact)
    with progress_later() as progress, contextlib.redirect_stdout(sys.stderr):  # what the network's own code prints
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


@contextlib.contextmanager
def progress_later() -> Iterator[Progress]:
    """A bar on stderr for what takes more than two seconds; now and then a line where that is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console, started = Console(stderr=True), time.monotonic()
    columns = (TextColumn("measuring"), BarColumn(), MofNCompleteColumn())
    last = started + QUIET_SECONDS - SECONDS_BETWEEN_LINES
    with Progress(*columns, transient=True, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("measuring", total=None, visible=False)

        def tell(done: int, total: int) -> None:
            nonlocal last
            now = time.monotonic()
            bar.update(task, completed=done, total=total, visible=now - started > QUIET_SECONDS)
            if not console.is_terminal and now - last > SECONDS_BETWEEN_LINES:
                last = now
                print(f"measured {done} of {total}", file=sys.stderr)

        yield tell
