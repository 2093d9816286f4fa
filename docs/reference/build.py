"""Writes configuration.md from the code: every setting of a config, and every part with its settings.

    python docs/reference/build.py

A test sees to it that the page is what this script writes.
"""

import inspect
import re
import types
import typing
from pathlib import Path

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from steadygan.augmentation import AUGMENTATIONS
from steadygan.config import Checkpoints, Config, Decay, Evaluation, Monitoring, Player
from steadygan.data import SOURCES
from steadygan.diagnosis import RULES
from steadygan.evaluation import EXTRACTORS, METRICS
from steadygan.losses import LOSSES
from steadygan.monitoring import PROBES
from steadygan.networks import ARCHITECTURES
from steadygan.parts import Part, Table
from steadygan.stabilizers import STABILIZERS
from steadygan.training.optimizers import OPTIMIZERS, Schedule

PAGE = Path(__file__).with_name("configuration.md")
TABLES: dict[str, Table[typing.Any]] = {
    "Data sources": SOURCES,
    "Networks": ARCHITECTURES,
    "Losses": LOSSES,
    "Stabilizers": STABILIZERS,
    "Augmentations": AUGMENTATIONS,
    "Optimizers": OPTIMIZERS,
    "Probes": PROBES,
    "Rules": RULES,
    "Extractors": EXTRACTORS,
    "Metrics": METRICS,
}
GROUPS: dict[str, type[BaseModel]] = {
    "decay": Decay,
    "monitoring": Monitoring,
    "evaluation": Evaluation,
    "checkpoints": Checkpoints,
}
WORDS = {  # of settings that say too little by their name, and whose class says no more
    "recipe": "where the settings came from; for people",
    "data": "where examples come from",
    "steps": "generator updates in total",
    "seed": "of everything that is random",
    "batch_size": "real images in a discriminator update, and fakes in either player's",
    "z_dim": "length of the latent z",
    "network": "both players",
    "loss": "what the two players minimize",
    "stabilizers": "what keeps the game steady, in the order they act",
    "augmentations": "what real and fake images go through before the discriminator sees them",
    "n_critic": "discriminator updates a step",
    "discriminator": "`discriminator.optimizer`: see [optimizers](#optimizers)",
    "generator": "`generator.optimizer`: the same for the generator",
    "decay": "see [decay](#decay)",
    "monitoring": "see [monitoring](#monitoring)",
    "evaluation": "see [evaluation](#evaluation)",
    "rules": "what judges the history",
    "checkpoints": "see [checkpoints](#checkpoints)",
    "device": "`auto`, `cpu`, `cuda` or `cuda:1`",
    "precision": "of the forward passes; `auto` times a few steps and chooses",
    "monitoring.every": "steps between two readings",
    "monitoring.probes": "what is measured at a reading",
    "monitoring.samples_every": "steps between two sheets of samples",
    "evaluation.every": "steps between two scores; 0 scores at the end only",
    "evaluation.n": "samples on each side",
    "evaluation.extractor": "the features that metrics compare in",
    "evaluation.metrics": "what is computed, the main one first: by it `best` is chosen",
    "checkpoints.every": "steps between two checkpoints",
    "checkpoints.keep": "numbered checkpoints to keep beside `last`, `best` and `safe`",
    "learning_rate": "at the start",
    "beta1": "decay of Adam's mean of gradients",
    "beta2": "decay of Adam's mean of squared gradients",
    "epsilon": "added to the root of the mean square",
    "alpha": "decay of the mean of squared gradients",
    "weight_decay": "share of a weight that is lost a step, times the learning rate",
    "momentum": "share of the last move that is kept",
    "n_iterations": "Newton-Schulz iterations a step",
    "margin": "how far beyond 0 logits are pushed",
    "path": "the folder or file",
    "count": "how many examples",
    "split": "which part of the set",
    "bound": "largest size of a weight",
    "weight": "factor on the penalty",
    "target": "the slope that is aimed at",
    "scale": "of the noise, in standard deviations of the batch",
    "radius": "of the ring",
    "modes": "how many Gaussians",
    "prefixes": "of the names of the series it reads",
    "deviations": "median absolute deviations, in powers of ten, that a range reaches above the median",
    "accuracy": "mean accuracy over the window from which the question is open",
    "side": "Gaussians along each side",
    "spacing": "distance of neighbours",
}


def page() -> str:
    """The whole page as Markdown."""
    parts = [INTRODUCTION, "## Config\n\n" + settings_table(Config, "")]
    parts += [f"## {key.capitalize()}\n\n{summary(cls)}\n\n{settings_table(cls, key)}" for key, cls in GROUPS.items()]
    parts += [family(title, table) for title, table in TABLES.items()]
    return "\n\n".join(parts) + "\n"


def family(title: str, table: Table[typing.Any]) -> str:
    """One table of parts: each with what it is and its settings."""
    parts = [f"## {title}\n\n{summary(table.base)}"]
    for name in table:
        cls = table[name]
        parts.append(f"### `{name}`\n\n{summary(cls)}")
        if set(cls.model_fields) - {"name"}:
            parts.append(settings_table(cls, ""))
    return "\n\n".join(parts)


def summary(cls: type) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join((inspect.getdoc(cls) or "").split("\n\n")[0].split())


def settings_table(cls: type[BaseModel], place: str) -> str:
    """Every setting of a model: key, what it takes, default, words."""
    known = described(cls)
    rows = ["| setting | takes | default | |", "|---|---|---|---|"]
    for name, field in cls.model_fields.items():
        if name == "name":
            continue
        words = known.get(name) or WORDS.get(f"{place}.{name}") or WORDS.get(name)
        if not words:
            raise SystemExit(f"{cls.__name__}.{name}: nothing says what it is; add a comment or an Attributes line there")
        words = re.sub(r"\bNone\b", "`null`", words).removesuffix(".").replace("|", "\\|")
        rows.append(f"| `{name}` | {takes(field)} | {default(field)} | {words} |")
    return "\n".join(rows)


def described(cls: type[BaseModel]) -> dict[str, str]:
    """Setting -> words, from the comments and `Attributes:` of the class and those it derives from."""
    known: dict[str, str] = {}
    if cls is Decay:
        cls = Schedule  # it says what the three settings mean
    for base in reversed(cls.__mro__):
        if issubclass(base, BaseModel) and base not in (BaseModel, Part):
            known |= dict(re.findall(r"^    (\w+): [^#\n]*  # (?!type:)(.+)$", inspect.getsource(base), re.MULTILINE))
            known |= attributes(inspect.getdoc(base) or "")
    return known


def attributes(doc: str) -> dict[str, str]:
    """The `Attributes:` of a docstring: name -> words on one line."""
    _, _, section = doc.partition("\nAttributes:\n")
    known: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        if found := re.match(r"    (\w+(?:, \w+)*): (.+)", line):
            names = found[1].split(", ")
            known |= dict.fromkeys(names, found[2])
        elif line.startswith("        "):
            known |= {name: f"{known[name]} {line.strip()}" for name in names}
        else:
            break
    return known


def takes(field: FieldInfo) -> str:
    """What a setting takes, in words."""
    limits = {type(limit): limit for limit in field.metadata if isinstance(limit, Ge | Gt | Le | Lt)}
    return kind(field.annotation) + bounds(limits)


def kind(annotation: object) -> str:
    """A type in words."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return kind(arguments[0]) + bounds(
            {type(limit): limit for limit in arguments[1:] if isinstance(limit, Ge | Gt | Le | Lt)}
        )
    if origin is typing.Literal:
        return " or ".join(f"`{str(value).lower() if isinstance(value, bool) else value}`" for value in arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join("`null`" if argument is type(None) else kind(argument) for argument in arguments)
    if origin is tuple:
        return f"list: {kind(arguments[0])}"
    if isinstance(annotation, type) and issubclass(annotation, Part):
        title, table = next((title, table) for title, table in TABLES.items() if table.base is annotation)
        return f"[{table.family}](#{title.lower().replace(' ', '-')})"
    names = {bool: "true or false", int: "whole number", float: "number", str: "text", Path: "path", Player: "an optimizer"}
    return names.get(annotation, "settings")  # type: ignore[call-overload, no-any-return]


def bounds(limits: dict[type, typing.Any]) -> str:
    """Limits in words: ` above 0`, ` from 0 to 1`, ` from 0, below 1`."""
    low = f" above {limits[Gt].gt:g}" if Gt in limits else f" from {limits[Ge].ge:g}" if Ge in limits else ""
    high = f", below {limits[Lt].lt:g}" if Lt in limits else f" to {limits[Le].le:g}" if Le in limits else ""
    return low + high


def default(field: FieldInfo) -> str:
    """A default as YAML would have it."""
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "must be given"
    return plain(value)


def plain(value: object) -> str:
    """A value in a few characters."""
    if value is None:
        return "`null`"
    if isinstance(value, Player):
        return plain(value.optimizer)
    if isinstance(value, Part):
        return f"`{value.name}`"
    if isinstance(value, BaseModel):
        return "as below"
    if isinstance(value, tuple):
        return ", ".join(map(plain, value)) or "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


INTRODUCTION = """# Configuration

*Written by `docs/reference/build.py` from the code. Do not edit.*

A config is everything that decides a run. It is made in this order, each laid over the last: a recipe, or the plan that the
data lead to; the file that `--config` names; `--steps`, `--seed` and `--device`; each `--set key=value`. The result is the
run's own `config.yaml`, which `--config` takes again.

A key with dots goes one level down. A list takes a position, or the name of one of its parts:

```
--set generator.optimizer.learning_rate=1e-4
--set stabilizers.spectral_norm.coefficient=4
--set "stabilizers=[spectral_norm, {name: r1, gamma: 1}]"
```

`null` leaves a setting to the data. A part is a name, a mapping with `name` and its settings, or a class in a file of your own:
`my.py:Mine`. A misspelt key or name is an error that says the nearest one there is."""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE} written")
