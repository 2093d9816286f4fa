"""`steadygan evaluate`: scores of a run, or of a folder of images."""

import json
from pathlib import Path
from typing import Annotated

import typer


def run(
    target: Annotated[str, typer.Argument(help="A run's directory, or images: a folder, .zip, .npz.")],
    data: Annotated[str | None, typer.Option(help="What to compare with. Default: the run's own data.")] = None,
    n: Annotated[int, typer.Option("--n", min=2, help="Samples on each side.")] = 5000,
    checkpoint: Annotated[str, typer.Option(help="last, best, safe or a numbered one.")] = "last",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines.")] = False,
) -> None:
    """Score samples against real images, each score beside its real-against-real floor."""
    from steadygan.applications.scoring import evaluate
    from steadygan.cli.console import working

    with working("drawing samples and extracting features", quiet=as_json):
        scores = evaluate(Path(target), data, n, checkpoint)
    print(json.dumps(scores.as_dict(), indent=1) if as_json else "\n".join(scores.lines()))
