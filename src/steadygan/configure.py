"""From what a user asks for to a config: a recipe, a plan from the data, a file, single settings, in that order."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steadygan.config import Config, read_mapping
from steadygan.data import source_for
from steadygan.data.source import Source
from steadygan.environment import device_named
from steadygan.overrides import assign, parted, value_of
from steadygan.planning import Plan, fingerprint, plan
from steadygan.recipes import RECIPES, points
from steadygan.recipes import recipe as recipe_named

MAIN_RECIPE = "fashion"


@dataclass(frozen=True)
class Request:
    """What a user asks for; everything is optional.

    Attributes:
        data: a path, or the name of a known set.
        recipe: the name of a recipe.
        file: a YAML or JSON file of settings, laid over the recipe or plan.
        settings: `key=value` assignments, laid over that.
        steps, seed, device: shorthands, laid over everything.
        skip_bad: leave files out that cannot be read.
    """

    data: str | None = None
    recipe: str | None = None
    file: Path | None = None
    settings: Sequence[str] = ()
    steps: int | None = None
    seed: int | None = None
    device: str | None = None
    skip_bad: bool = False


def configure(request: Request) -> tuple[Config, Plan | None]:
    """The config for a request, and the plan behind it where the data decided.

    Raises:
        UsageError: the data cannot be used, or a setting does not exist.
    """
    file = read_mapping(request.file) if request.file else {}
    source = source_of(request, file)
    made = None
    if source is not None and not request.recipe and not file:
        made = plan(fingerprint(source.survey()), device_named(request.device or "auto").type != "cpu")
        settings = planned(source, made)
    else:
        named = file["recipe"] if file.get("recipe") in RECIPES else MAIN_RECIPE  # a run's own file may say `plan`
        settings = recipe_named(request.recipe or named, source).mapping()
    settings |= {key: value for key, value in file.items() if key != "data"}
    shorthands = {"steps": request.steps, "seed": request.seed, "device": request.device}
    settings |= {key: value for key, value in shorthands.items() if value is not None}
    for assignment in request.settings:
        assign(settings, assignment)
    asked = {key: value for key, value in shorthands.items() if value is not None}
    for key, how, text in map(parted, request.settings):
        asked[key] = settings[key] if how and key in settings else value_of(text)  # the whole list, not what was added to it
    return Config.of(settings), made.asked(asked) if made else None


def source_of(request: Request, file: Mapping[str, Any]) -> Source | None:
    """The data source that a request names, on its own or in its file."""
    if request.data is None:
        return Config.of({"data": file["data"]}).data if "data" in file else None
    return source_for(request.data, request.skip_bad)


def planned(source: Source, made: Plan) -> dict[str, Any]:
    """A plan's decisions as a mapping of settings."""
    base = points(source, "plan", made.settings()["steps"]) if made.data.are_points else Config(recipe="plan", data=source)
    settings = base.mapping()
    for key, value in made.settings().items():
        *path, last = key.split(".")
        place = settings
        for name in path:
            place = place[name]
        place[last] = {**place[last], **value} if key == "decay" else copy.deepcopy(value)  # two keys may share one
    return settings
