"""`steadygan train`: the main job, or a plan from your own data."""

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[str | None, typer.Argument(help="A folder of images, a .zip, .npz, .npy or idx file, or a known set's name.")]
Out = Annotated[Path | None, typer.Option("--out", help="The run's directory, new or empty. Default: the next in runs/.")]
Steps = Annotated[int | None, typer.Option(min=1, help="Generator updates in total.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Of everything that is random.")]
Recipe = Annotated[str | None, typer.Option(help="A named config instead of a plan: see `steadygan recipes`.")]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="A YAML or JSON file of settings, such as a run's config.yaml.")
]
Sets = Annotated[list[str] | None, typer.Option("--set", help="One setting, as in generator.optimizer.learning_rate=1e-4.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1 or auto.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave files out that cannot be read.")]


def run(
    data: Data = None,
    out: Out = None,
    steps: Steps = None,
    seed: Seed = None,
    recipe: Recipe = None,
    config: ConfigFile = None,
    settings: Sets = None,
    device: Device = None,
    dry_run: DryRun = False,
    skip_bad: SkipBad = False,
) -> None:
    """Train a GAN. Without arguments: the main job, a conditional SN-GAN on the embedded Fashion-MNIST test split."""
    from steadygan.cli.console import decoding, play, show_plan
    from steadygan.configure import Request, configure
    from steadygan.launch import linted_start

    made, plan = configure(Request(data, recipe, config, settings or (), steps, seed, device, skip_bad))
    show_plan(made, plan)
    if dry_run:
        return
    place = out or next_free(Path("runs"), made.recipe)
    with decoding() as progress:
        started, lints = linted_start(made, place, plan, progress)
    raise typer.Exit(play(started, lints))


def next_free(folder: Path, name: str) -> Path:
    """`folder/0001-name`, or the number after the highest there."""
    numbers = [int(path.name[:4]) for path in folder.glob("[0-9][0-9][0-9][0-9]-*")] if folder.is_dir() else []
    return folder / f"{max(numbers, default=0) + 1:04d}-{name}"
