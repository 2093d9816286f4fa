"""`steadygan study`: claims about training as experiments: list, plan, run, show, report."""

import json
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from steadygan.cli.study_plan import show_plan

if TYPE_CHECKING:
    from steadygan.study.study import Study

app = typer.Typer(no_args_is_help=True, help="Claims about stabilizers as experiments that anyone can run again.")

What = Annotated[str, typer.Argument(metavar="CLAIM|FILE", help="The name of a claim, or a study file in YAML.")]
Place = Annotated[str, typer.Argument(metavar="DIR", help="The directory or URL that --out named.")]
TierOption = Annotated[str | None, typer.Option("--tier", help="s: two cores; m: one GPU and about an hour; l: as published.")]
Seeds = Annotated[int | None, typer.Option("--seeds", min=1, help="How many; more can be added later.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.command("list")
def list_claims(as_json: AsJson = False) -> None:
    """The claims that come with the package."""
    from rich.table import Table

    from steadygan.cli.console import console_for
    from steadygan.study.claims import claims

    if as_json:
        print(
            json.dumps(
                [{"letter": each.letter, "name": each.name, "title": each.title, "tiers": each.tiers} for each in claims()]
            )
        )
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("", "claim", "what is claimed"):
        table.add_column(name, overflow="fold", no_wrap=name == "claim")
    for each in claims():
        table.add_row(each.letter, each.name, each.title)
    console_for().print(table)
    console_for().print("\nWhat a claim would take: `steadygan study plan CLAIM`", highlight=False)


@app.command()
def plan(
    what: What,
    tier: TierOption = None,
    seeds: Seeds = None,
    out: Annotated[str | None, typer.Option("--out", help="A study that has begun: what is left of it.")] = None,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="Print the study as a file of your own to change.")] = False,
    as_json: AsJson = False,
) -> None:
    """Arms, settings, cells, time and disk, before anything runs."""
    from steadygan.study.estimate import estimate
    from steadygan.study.remote import study_directory

    study = chosen(what, tier, seeds)
    if as_yaml:
        print(study.yaml(), end="")
        return
    done = {}
    if out:
        place = study_directory(out)
        place.require()
        done = place.ledger(study.cells()).done
    show_plan(study, estimate(study, done), as_json)


@app.command()
def run(
    what: What,
    out: Annotated[str, typer.Option("--out", help="The study's directory: new, or one to go on with. Or an fsspec URL.")],
    tier: TierOption = None,
    seeds: Seeds = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Cells at once. Default: as many as cores, memory and GPUs allow.")
    ] = None,
    on: Annotated[Literal["local", "ray"], typer.Option(help="Processes of this machine, or a Ray cluster.")] = "local",
    address: Annotated[str | None, typer.Option(help="Of the Ray cluster. Default: RAY_ADDRESS, or one started here.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Run so many cells now, and the rest another time.")] = None,
) -> None:
    """Run every cell that has no result yet; Ctrl-C leaves all at a checkpoint, and the same command goes on."""
    from steadygan.cli.study_run import run_study

    raise typer.Exit(run_study(chosen(what, tier, seeds), out, on, address, workers, limit))


@app.command()
def show(place: Place, as_json: AsJson = False) -> None:
    """What a study's results say so far."""
    from steadygan.cli.console import console_for
    from steadygan.cli.study_table import shown
    from steadygan.study.remote import study_directory
    from steadygan.study.table import read_table

    table = read_table(study_directory(place))
    if as_json:
        print(json.dumps(table.as_dict(), indent=1, allow_nan=False))
        return
    console = console_for()
    for part in shown(table):
        console.print(part)
        console.print()
    console.print(table.verdict.sentence if table.verdict else table.no_verdict, highlight=False, markup=False)
    for ruling in table.verdict.rulings if table.verdict and len(table.verdict.rulings) > 1 else ():
        console.print(f"  {ruling.sentence}", highlight=False, markup=False)


@app.command()
def report(place: Place) -> None:
    """The study as one page, report.html and report.md, made anew."""
    from steadygan.study.remote import study_directory
    from steadygan.study.report import write_study_report
    from steadygan.study.table import read_table, write_verdict

    directory = study_directory(place)
    table = read_table(directory)
    directory.gather()
    write_verdict(directory, table)
    page = write_study_report(directory, table)
    directory.publish_pages()
    print(f"{directory.name}/{page.name}")


def chosen(what: str, tier: str | None, seeds: int | None) -> "Study":
    """The study that the command line asks for."""
    from steadygan.study.claims import study_named

    study = study_named(what, tier)
    return study.with_(seeds=tuple(range(seeds))) if seeds else study
