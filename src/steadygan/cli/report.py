"""`steadygan report`: the run as one self-contained page."""

from pathlib import Path
from typing import Annotated

import typer


def run(run: Annotated[Path, typer.Argument(help="A run's directory.")]) -> None:
    """Write RUN/report.html from what the run has written so far."""
    from steadygan.report import write_report

    print(write_report(run))
