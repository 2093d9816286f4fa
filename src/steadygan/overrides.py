"""`--set key.subkey=value`: single settings changed in a plain mapping of settings."""

from typing import Any

import yaml

from steadygan.errors import ConfigError


def assign(settings: dict[str, Any], assignment: str) -> None:
    """Make one `key.subkey=value` assignment in a plain mapping. A list takes a position or the name of one of its parts, and
    `list+=part` adds a part to it, in place of one of the same name.

    >>> settings = {"stabilizers": [{"name": "r1", "gamma": 10.0}]}
    >>> assign(settings, "stabilizers.r1.gamma=1e-1")
    >>> settings
    {'stabilizers': [{'name': 'r1', 'gamma': 0.1}]}
    >>> assign(settings, "stabilizers+=gradient_penalty")
    >>> settings
    {'stabilizers': [{'name': 'r1', 'gamma': 0.1}, 'gradient_penalty']}
    """
    key, adds, text = parted(assignment)
    if not key:
        raise ConfigError(f"--set {assignment!r}: expected key=value", "as in --set generator.optimizer.learning_rate=1e-4")
    *path, last = key.split(".")
    place: Any = settings
    for name in path:
        place = inside(place, name, key)
    if isinstance(place, list):
        place[position(place, last, key)] = value_of(text)
    elif isinstance(place, dict):
        place[last] = added(place.get(last), value_of(text), key) if adds else value_of(text)
    else:
        raise ConfigError(f"{key}: there is nothing below {'.'.join(path)!r}")


def parted(assignment: str) -> tuple[str, bool, str]:
    """(key, whether it adds to a list, value as text) of an assignment; no key where it is none.

    >>> parted("stabilizers+=r1"), parted("steps=300")
    (('stabilizers', True, 'r1'), ('steps', False, '300'))
    """
    key, sign, text = assignment.partition("=")
    return (key.strip().removesuffix("+"), key.strip().endswith("+"), text) if sign else ("", False, "")


def added(parts: Any, part: Any, key: str) -> list[Any]:
    """A list of parts with one more, in place of one of the same name."""
    if not isinstance(parts, list):
        raise ConfigError(f"{key}+=: only a list of parts takes one more", f"as in --set {key}={part}")
    return [one for one in parts if name_of(one) != name_of(part)] + [part]


def name_of(part: Any) -> Any:
    """The name of a part, which may be given by its name alone."""
    return part.get("name") if isinstance(part, dict) else part


def inside(place: Any, name: str, key: str) -> Any:
    """One level down in a mapping or list."""
    if isinstance(place, list):
        return place[position(place, name, key)]
    if isinstance(place, dict):
        return place.setdefault(name, {})
    raise ConfigError(f"{key}: there is nothing below {name!r}")


def position(place: list[Any], name: str, key: str) -> int:
    """A position in a list of parts, from a part's name or a number."""
    names = [name_of(item) for item in place]
    if name in names:
        return names.index(name)
    if not name.isdigit() or int(name) >= len(place):
        raise ConfigError(f"{key}: no {name!r} in the list", f"it holds {', '.join(map(str, names)) or 'nothing'}")
    return int(name)


def value_of(text: str) -> Any:
    """A value as YAML reads it, and 1e-4 as a number too, which YAML 1.1 takes for text."""
    value = yaml.safe_load(text)
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value
