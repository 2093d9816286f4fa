"""`steadygan check`: what this machine offers."""

import json
from typing import Annotated

import typer


def run(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Show versions, device, threads and precision."""
    from steadygan.environment import environment

    found = environment()
    if as_json:
        print(json.dumps(found, indent=1))
        return
    libraries = ", ".join(f"{name} {version}" for name, version in found["libraries"].items())
    cpu, gpus = found["cpu"], found["gpus"]
    print(f"steadygan {found['steadygan']} on Python {found['python']}, {found['platform']}")
    print(f"libraries  {libraries}")
    print(
        f"processor  {cpu['cores']} cores, {cpu['threads']} threads, {cpu['capability']}, {found['memory_gib']} GiB of memory"
    )
    print(
        "gpus       "
        + (", ".join(f"{gpu['name']} ({gpu['memory_gib']} GiB)" for gpu in gpus) or "none; training runs on the processor")
    )
    print("precision  chosen at the start of a run by timing a few steps in float32 and bfloat16")
