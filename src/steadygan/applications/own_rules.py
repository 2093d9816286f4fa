"""Own rules: by what a run of ours is judged, and what its optimizers can be told, as its config says.

Rules of the user's own are code, which is run for that.
"""

from collections.abc import Collection
from pathlib import Path

import yaml

from steadygan import yaml12
from steadygan.diagnosis import DEFAULT_RULES, RULES, Rule
from steadygan.diagnosis.signs import PLAYERS
from steadygan.errors import ConfigError

USUAL = "the usual ones judge"


def own_rules(config: Path) -> tuple[tuple[Rule, ...], list[str]]:
    """The rules in a run's `config.yaml`, and what a reader should know of them.

    Where they cannot be had it is the usual ones, and that is said.
    """
    try:
        listed = yaml12.read(config.read_text(encoding="utf-8")).get("rules")
        rules = DEFAULT_RULES if listed is None else tuple(rule(one, i, config.parent) for i, one in enumerate(listed))
    except Exception as error:  # a rule may be the user's own
        reason = error.problem if isinstance(error, ConfigError) else f"{type(error).__name__}: {error}".splitlines()[0]
        return DEFAULT_RULES, [f"The rules in {config} could not be loaded ({reason}): {USUAL}."]
    return rules, [] if rules == DEFAULT_RULES else [f"The rules in {config} judge: {in_words(rules)}."]


def own_optimizers(config: Path) -> dict[str, Collection[str]]:
    """The names of the settings that each player's optimizer has in a run's `config.yaml`, as far as it says so."""
    try:
        asked = yaml12.read(config.read_text(encoding="utf-8"))
        found = {player: asked[player]["optimizer"] for player in PLAYERS if player in asked}
        return {player: tuple(optimizer) for player, optimizer in found.items() if isinstance(optimizer, dict)}
    except (OSError, ValueError, yaml.YAMLError, LookupError, TypeError):
        return {}


def in_words(rules: tuple[Rule, ...]) -> str:
    """How many of the usual ones there are, and which others."""
    own = [Path(one.origin).name if one.origin else one.name for one in rules if one not in DEFAULT_RULES]
    return ", ".join([f"{len(rules) - len(own)} of the {len(DEFAULT_RULES)} usual ones", *own])


def rule(asked: object, place: int, folder: Path) -> Rule:
    """One rule as a config asks for it; files of the user's own lie in the run's folder."""
    settings = dict(asked) if isinstance(asked, dict) else {"name": asked}
    name = str(settings["name"])
    return RULES.build({**settings, "name": str(folder / name) if name.startswith("custom/") else name}, f"rules[{place}]")
