"""`steadygan recipes`: the named configs."""

from typing import Annotated

import typer


def run(name: Annotated[str | None, typer.Argument(help="Print this recipe's config as YAML.")] = None) -> None:
    """List the recipes, or print one as a config file."""
    from steadygan.recipes import RECIPES, recipe

    if name:
        print(recipe(name).yaml(), end="")
        return
    width = max(map(len, RECIPES))
    for each, function in RECIPES.items():
        print(f"{each:{width}}  {(function.__doc__ or '').strip().splitlines()[0]}")
    print("\nuse one with `steadygan train [DATA] --recipe NAME`; print it with `steadygan recipes NAME`")
