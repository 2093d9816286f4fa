"""`steadygan sample`: images from a run's averaged generator."""

from pathlib import Path
from typing import Annotated

import typer


def run(
    run: Annotated[Path, typer.Argument(help="A run's directory.")],
    out: Annotated[Path, typer.Option("--out", help="A folder for png, a file for grid and npz.")],
    n: Annotated[int, typer.Option("--n", min=1, help="How many images.")] = 64,
    form: Annotated[str, typer.Option("--format", help="png (one file each), grid (one picture) or npz.")] = "png",
    label: Annotated[str | None, typer.Option(help="A class, by number or name. Default: all in turn.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the latents.")] = 0,
    truncation: Annotated[float | None, typer.Option(help="Bound of every latent entry, such as 1.0; default: none.")] = None,
    checkpoint: Annotated[str, typer.Option(help="last, best, safe or a numbered one.")] = "last",
) -> None:
    """Draw samples: the same seed gives the same images."""
    from steadygan.applications.synthesis import Order, sample

    written = sample(run, out, Order(n=n, form=form, label=label, seed=seed, truncation=truncation, checkpoint=checkpoint))
    print(f"{n} samples in {written}")
