"""The named claims: what is said of stabilizers, each with its experiment and with the rules by which it is judged.

One YAML file a claim, in `claim_files/`. Its rules were written before its cells were run. `tiers` holds what sizes differ in:
s for two processor cores, m for one GPU and about an hour, l as published.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from steadygan.errors import ConfigError
from steadygan.parts import near_miss
from steadygan.study.study import Study, read_yaml

FOLDER = Path(__file__).parent / "claim_files"
TIERS = ("s", "m", "l")


@dataclass(frozen=True)
class Claim:
    """A claim: its letter in the list, its name, its sentence, and its tiers."""

    letter: str
    name: str
    title: str
    tiers: tuple[str, ...]


@cache
def claims() -> tuple[Claim, ...]:
    """All claims by letter."""
    found = [described(read_yaml(path)) for path in FOLDER.glob("*.yaml")]
    return tuple(sorted(found, key=lambda claim: claim.letter))


def described(settings: Mapping[str, Any]) -> Claim:
    """The claim in a mapping."""
    return Claim(settings["letter"], settings["name"], " ".join(settings["title"].split()), tuple(settings["tiers"]))


def study_named(text: str, tier: str | None = None) -> Study:
    """The study that a user means: the name of a claim, or the path of a YAML file.

    Args:
        text: what the user wrote.
        tier: s, m or l; None takes s, and a file that has no tiers as it is.

    Raises:
        ConfigError: it is neither, or it has no such tier.
    """
    file = FOLDER / f"{text}.yaml"
    if file.is_file() and text in {claim.name for claim in claims()}:
        return sized(read_yaml(file), f"claim {text}", tier)
    if Path(text).suffix.lower() in (".yaml", ".yml", ".json") or Path(text).is_file():
        return sized(read_yaml(Path(text)), text, tier)
    names = [claim.name for claim in claims()]
    raise ConfigError(f"study: there is no claim and no file {text!r}", f"{near_miss(text, names)}claims: {', '.join(names)}")


def sized(settings: Mapping[str, Any], file: str, tier: str | None) -> Study:
    """The study of one tier: what the tier says replaces what stands beside the tiers."""
    common = {key: value for key, value in settings.items() if key not in ("tiers", "letter")}
    tiers = tiers_in(settings, file)
    if tier is not None and tier not in tiers:
        hint = f"it has {', '.join(tiers)}" if tiers else "leave --tier out"
        raise ConfigError(f"{file}: there is no tier {tier!r}", hint)
    if not tiers:
        return Study.of(common, file)
    chosen = tier or next(iter(tiers))
    return Study.of({**common, **tiers[chosen], "tier": chosen}, file)


def tiers_in(settings: Mapping[str, Any], file: str) -> dict[str, dict[str, Any]]:
    """What each tier replaces, by its name; nothing where there are no tiers.

    Raises:
        ConfigError: it is written in another way; names the key.
    """
    tiers, hint = settings.get("tiers"), "write `tiers: {s: {seeds: 6}}`, what it replaces in braces or indented below it"
    if tiers is None:
        return {}
    if not isinstance(tiers, dict):
        raise ConfigError(f"{file}: tiers: expected a mapping from names to settings, got {tiers!r}", hint)
    for name, changes in tiers.items():
        if not isinstance(name, str):
            raise ConfigError(f"{file}: tiers: a name is text, found {name!r}", "write it in quotes")
        if not isinstance(changes, dict):
            raise ConfigError(f"{file}: tiers.{name}: expected a mapping of settings, got {changes!r}", hint)
    return tiers
