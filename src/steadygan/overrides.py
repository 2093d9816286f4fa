"""`--set key.subkey=value`: single settings changed in a plain mapping of settings."""

from typing import Any

import yaml

from steadygan import yaml12
from steadygan.errors import ConfigError


def assign(settings: dict[str, Any], assignment: str) -> None:
    """Make one `key.subkey=value` assignment in a plain mapping. A list takes a position or the name of one of its parts;
    `list+=part` adds a part to it, in place of one of the same name; `key*=4` takes four times the number that is there.

    >>> settings = {"stabilizers": [{"name": "r1", "gamma": 10.0}]}
    >>> assign(settings, "stabilizers.r1.gamma=1e-1")
    >>> settings
    {'stabilizers': [{'name': 'r1', 'gamma': 0.1}]}
    >>> assign(settings, "stabilizers+=gradient_penalty")
    >>> settings
    {'stabilizers': [{'name': 'r1', 'gamma': 0.1}, 'gradient_penalty']}
    """
    key, how, text = parted(assignment)
    if not key:
        raise ConfigError(f"--set {assignment!r}: expected key=value", "as in --set generator.optimizer.learning_rate=1e-4")
    *path, last = key.split(".")
    place: Any = settings
    for name in path:
        place = inside(place, name, key)
    if isinstance(place, list):
        place[position(place, last, key)] = value_of(text)
    elif isinstance(place, dict):
        change = {"+": added, "*": multiplied}.get(how)
        place[last] = change(place.get(last), value_of(text), key) if change else value_of(text)
    else:
        raise ConfigError(f"{key}: there is nothing below {'.'.join(path)!r}")


def parted(assignment: str) -> tuple[str, str, str]:
    """(key, "+" or "*" or nothing, value as text) of an assignment; no key where it is none.

    >>> parted("stabilizers+=r1"), parted("steps=300")
    (('stabilizers', '+', 'r1'), ('steps', '', '300'))
    """
    key, sign, text = assignment.partition("=")
    key = key.strip()
    how = key[-1:] if key.endswith(("+", "*")) else ""
    return (key.removesuffix(how), how, text) if sign else ("", "", "")


def added(parts: Any, part: Any, key: str) -> list[Any]:
    """A list of parts with one more, in place of one of the same name."""
    if not isinstance(parts, list):
        raise ConfigError(f"{key}+=: only a list of parts takes one more", f"as in --set {key}={part}")
    return [one for one in parts if name_of(one) != name_of(part)] + [part]


def multiplied(number: Any, factor: Any, key: str) -> float:
    """A number times a factor."""
    for value in (number, factor):
        if isinstance(value, bool) or not isinstance(value, int | float):
            problem = f"{key}*=: only a number takes a factor, found {value!r}"
            raise ConfigError(problem, f"as in --set {key}*=4 where {key} is set to a number before")
    return float(number * factor) if isinstance(number, float) or isinstance(factor, float) else int(number * factor)


def name_of(part: Any) -> Any:
    """The name of a part, which may be given by its name alone."""
    return part.get("name") if isinstance(part, dict) else part


def inside(place: Any, name: str, key: str) -> Any:
    """One level down in a mapping or list, where a part that is given by its name alone becomes a mapping."""
    if not isinstance(place, list | dict):
        raise ConfigError(f"{key}: there is nothing below {name!r}")
    at: Any = position(place, name, key) if isinstance(place, list) else name
    found = place[at] if isinstance(place, list) else place.setdefault(name, {})
    if isinstance(found, str):
        place[at] = found = {"name": found}
    return found


def position(place: list[Any], name: str, key: str) -> int:
    """A position in a list of parts, from a part's name or a number."""
    names = [name_of(item) for item in place]
    if name in names:
        return names.index(name)
    if not name.isdigit() or int(name) >= len(place):
        raise ConfigError(f"{key}: no {name!r} in the list", f"it holds {', '.join(map(str, names)) or 'nothing'}")
    return int(name)


def value_of(text: str) -> Any:
    """A value as YAML reads it."""
    try:
        return yaml12.read(text)
    except yaml.YAMLError:
        raise ConfigError(f"--set: {text!r} is not readable as YAML", "look for an open bracket, brace or quote") from None
