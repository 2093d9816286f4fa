"""`steadygan check`: what this machine offers, and what is known to go wrong with a setup."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from steadygan.cli.train import ConfigFile, Data, Recipe, Sets

if TYPE_CHECKING:
    from steadygan.configure import Request
    from steadygan.planning.lints import Lint


def run(
    data: Data = None,
    recipe: Recipe = None,
    config: ConfigFile = None,
    settings: Sets = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show versions, device, threads and precision; with data, a recipe or settings also what such a training is prone to."""
    from steadygan.configure import Request
    from steadygan.environment import environment

    found = environment()
    asked = any((data, recipe, config, settings))
    lints = lints_for(Request(data, recipe, config, settings or ())) if asked else ()
    if as_json:
        print(json.dumps({**found, "lints": [asdict(each) for each in lints]} if asked else found, indent=1))
        return
    show(found)
    if asked:
        from steadygan.cli.console import console_for, show_lints

        show_lints(lints, console_for())
        if not lints:
            print("setup      nothing that is known to go wrong")


def lints_for(request: "Request") -> "tuple[Lint, ...]":
    """What is known to go wrong with a training that is asked for; its data are opened and its networks built, no more."""
    import torch

    from steadygan.assembly import assemble, open_data
    from steadygan.cli.console import decoding
    from steadygan.configure import configure
    from steadygan.launch import lints_of
    from steadygan.training.precision import Choice

    made, _ = configure(request)
    with decoding() as progress:
        dataset = open_data(made, progress)
    return lints_of(assemble(made, dataset, Choice("float32", torch.get_num_threads(), "nothing is trained")))


def show(found: dict[str, Any]) -> None:
    """Print what the machine offers."""
    libraries = ", ".join(f"{name} {version}" for name, version in found["libraries"].items())
    cpu, gpus = found["cpu"], found["gpus"]
    print(f"steadygan {found['steadygan']} on Python {found['python']}, {found['platform']}")
    print(f"libraries  {libraries}")
    print(
        f"processor  {cpu['cores']} cores, {cpu['threads']} threads, {cpu['capability']}, {found['memory_gib']} GiB of memory"
    )
    print(
        "kernels    "
        + ("compiled" if cpu["kernels"] else "not compiled, so spectral normalization of small networks is slower")
    )
    print(
        "gpus       "
        + (", ".join(f"{gpu['name']} ({gpu['memory_gib']} GiB)" for gpu in gpus) or "none; training runs on the processor")
    )
    print("precision  chosen at the start of a run by timing a few steps in float32 and bfloat16")
