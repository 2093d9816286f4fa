"""`steadygan compare`: which stabilizer on one's own data, within a budget of time."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from steadygan.study.place import StudyDirectory
    from steadygan.study.study import Study


def run(
    data: Annotated[str, typer.Argument(help="A folder of images, a .zip, .npz, .npy or idx file, or a known set's name.")],
    budget: Annotated[
        str | None, typer.Option(help="Of time in all, such as 30m or 2h. Default: 30m, or what it began with.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The study's directory. Default: runs/compare-NAME.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Cells at once. Default: as many as cores, memory and GPUs allow.")
    ] = None,
) -> None:
    """Try a handful of recipes on your data and say which to use, with its evidence, or that no difference was shown.

    Ctrl-C leaves everything at a checkpoint; the same command goes on, with what is left.
    """
    from steadygan.cli.study_plan import show_plan
    from steadygan.cli.study_run import run_study
    from steadygan.study.comparison import seconds_of
    from steadygan.study.estimate import estimate
    from steadygan.study.place import StudyDirectory

    if budget is not None:
        seconds_of(budget)  # what is no time is refused before anything else is looked at
    place = StudyDirectory(out or Path("runs") / f"compare-{Path(data).stem}")
    study = study_in(place, data, budget, workers)
    done = place.ledger(study.cells()).done
    show_plan(study, estimate(study, done))
    code = run_study(study, str(place.path), "local", None, workers, None)
    say(place, data)
    raise typer.Exit(code)


def study_in(place: "StudyDirectory", data: str, budget: str | None, workers: int | None) -> "Study":
    """The comparison that lies in a directory, or a new one for what the budget pays for.

    Raises:
        UsageError: another comparison lies there, or one with another budget.
    """
    from steadygan.cli.console import working
    from steadygan.study.comparison import BUDGET, check_goes_on, comparison, note, seconds_of
    from steadygan.study.room import workers_for

    if place.study.is_file():
        study = place.require()
        check_goes_on(study, place.path, data, budget)
        return study
    with working("timing a few steps of each recipe"):
        study = comparison(data, seconds_of(budget or BUDGET), workers_for(workers)[0])
    place.create(study)
    note(place.path, budget or BUDGET)
    return study


def say(place: "StudyDirectory", data: str) -> None:
    """Print what a comparison comes to, and write the recipe that it names; there is none where it names none."""
    from steadygan.cli.console import console_for
    from steadygan.directory import write_text
    from steadygan.study.comparison import recipe_of
    from steadygan.study.conclusion import conclude
    from steadygan.study.table import read_table

    found = conclude(read_table(place))
    if found is None:
        return
    console, recipe = console_for(), place.path / "recipe.yaml"
    console.print(f"\n[bold]{found.words}[/bold]", highlight=False)
    if found.arm:
        write_text(recipe, recipe_of(place.require(), found.arm).yaml())
        console.print(f"train it: steadygan train {data} --config {recipe}", highlight=False, soft_wrap=True)
    else:
        recipe.unlink(missing_ok=True)  # of fewer seeds
