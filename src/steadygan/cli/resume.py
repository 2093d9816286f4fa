"""`steadygan resume`: go on as if it had never stopped."""

from pathlib import Path
from typing import Annotated

import typer


def run(
    run: Annotated[Path, typer.Argument(help="A run's directory.")],
    steps: Annotated[int | None, typer.Option(min=1, help="The total to reach. Default: the run's own.")] = None,
) -> None:
    """Continue a run from its last checkpoint, bit for bit."""
    from steadygan.cli.console import play
    from steadygan.launch import reopen

    raise typer.Exit(play(reopen(run, steps)))
