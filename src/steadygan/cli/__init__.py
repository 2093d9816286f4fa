"""The command line: one file a verb. Importing it is quick; what a verb needs is imported when it runs."""

import sys

import typer

from steadygan.cli import (
    audit,
    check,
    compare,
    data,
    diagnose,
    doctor_card,
    evaluate,
    recipes,
    report,
    resume,
    sample,
    study,
    train,
)
from steadygan.errors import SteadyganError

app = typer.Typer(
    name="steadygan",
    help="Adversarial training kept steady: point it at a folder of images, or at nothing for the main job.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for verb in (train, resume, sample, evaluate, audit, diagnose, doctor_card, compare, report, data, recipes, check):
    app.command(verb.__name__.rpartition(".")[2].replace("_", "-"))(verb.run)
app.add_typer(study.app, name="study")


def main() -> None:
    """Run the command line. Errors are two lines on stderr; exit 2 for usage, 1 for a failed run, 3 for a sick one."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--traceback"]
    try:
        app(arguments)
    except Exception as error:
        if "--traceback" in sys.argv:
            raise
        sys.exit(complain(error))


def complain(error: Exception) -> int:
    """Say what went wrong in two lines; returns the exit code."""
    if isinstance(error, SteadyganError):
        problem, hint, code = error.problem, error.hint, error.exit_code
    elif isinstance(error, OSError) and error.strerror:
        problem, hint, code = f"{error.filename or 'disk'}: {error.strerror.lower()}", "what was written before is whole", 1
    else:
        problem = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        hint, code = "this was not foreseen; run it again with --traceback for the full story", 1
    print(f"error: {problem}", file=sys.stderr)
    if hint:
        print(f"hint: {hint}", file=sys.stderr)
    return code
