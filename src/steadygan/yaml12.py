"""YAML as its version 1.2 reads it: `on` is a word and no truth value, and 1e-4 is a number."""

import re
from typing import Any

import yaml

BOOLEAN, NUMBER = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:float"
TRUTHS = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
DIGITS = r"(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+"
NUMBERS = re.compile(rf"[-+]?(?:{DIGITS}|\.(?:inf|Inf|INF))\Z|\.(?:nan|NaN|NAN)\Z")


class Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which follows version 1.1, with the two rules changed that catch people out."""


class Dumper(yaml.SafeDumper):
    """PyYAML's safe dumper; what either version takes for no text, it quotes."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if tag not in (BOOLEAN, NUMBER)]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver(BOOLEAN, TRUTHS, list("tTfF"))
for each in (Loader, Dumper):
    each.add_implicit_resolver(NUMBER, NUMBERS, list("-+.0123456789"))


def read(text: str) -> Any:
    """The value in a YAML text; JSON is YAML too.

    >>> read("{on: generator, rate: 1e-4, nesterov: true}")
    {'on': 'generator', 'rate': 0.0001, 'nesterov': True}

    Raises:
        yaml.YAMLError: it is none.
    """
    return yaml.load(text, Loader)


def write(value: Any, width: int = 80) -> str:
    """A plain value as YAML, in the order of its keys.

    >>> write({"1e-4": "on", "rate": 0.0001})
    "'1e-4': 'on'\\nrate: 0.0001\\n"
    """
    return yaml.dump(value, Dumper=Dumper, sort_keys=False, width=width, allow_unicode=True)
