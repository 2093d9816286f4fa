"""`steadygan compare`: which stabilizer on one's own data, within a budget of time."""

from pathlib import Path
from typing import Annotated

import typer


def run(
    data: Annotated[str, typer.Argument(help="A folder of images, a .zip, .npz, .npy or idx file, or a known set's name.")],
    budget: Annotated[str, typer.Option(help="Of time in all, such as 30m or 2h.")] = "30m",
    out: Annotated[Path | None, typer.Option("--out", help="The study's directory. Default: runs/compare-NAME.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Cells at once. Default: as many as cores and memory allow.")
    ] = None,
) -> None:
    """Try a handful of recipes on your data and say which to use, with its evidence, or that no difference was shown.

    Ctrl-C leaves everything at a checkpoint; the same command goes on, with what is left.
    """
    from steadygan.cli.console import console_for, working
    from steadygan.cli.study_plan import show_plan
    from steadygan.cli.study_run import run_study
    from steadygan.errors import UsageError
    from steadygan.study.comparison import comparison, recipe_of, seconds_of
    from steadygan.study.conclusion import conclude
    from steadygan.study.estimate import estimate
    from steadygan.study.place import StudyDirectory
    from steadygan.study.room import workers_for
    from steadygan.study.table import read_table

    seconds, place = seconds_of(budget), StudyDirectory(out or Path("runs") / f"compare-{Path(data).stem}")
    if place.study.is_file():
        study = place.require()
        if study.base.data != data:
            raise UsageError(f"{place.path}: {study.base.data} is compared there", "name another --out")
    else:
        with working("timing a few steps of each recipe"):
            study = comparison(data, seconds, workers_for(workers)[0])
    show_plan(study, estimate(study))
    code = run_study(study, str(place.path), "local", None, workers, None)
    found = conclude(read_table(place))
    if found is not None:
        recipe = place.path / "recipe.yaml"
        recipe.write_text(recipe_of(data, found.arm).yaml(), encoding="utf-8")
        console = console_for()
        console.print(f"\n[bold]{found.words}[/bold]", highlight=False)
        console.print(f"train it: steadygan train {data} --config {recipe}", highlight=False, soft_wrap=True)
    raise typer.Exit(code)
