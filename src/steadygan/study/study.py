"""Study: arms, settings, seeds, metrics and rules, as one frozen model that a YAML file holds. Reading it needs no torch."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BeforeValidator, Field, PositiveFloat, ValidationError, field_validator, model_validator

from steadygan import yaml12
from steadygan.errors import ConfigError
from steadygan.parts import Settings, explain, near_miss
from steadygan.study.cells import Cell
from steadygan.study.measures import Measure
from steadygan.study.rules import Rule

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+-]{,59}\Z")  # also part of the name of a directory, on any disk
MOST_SEEDS = 10_000
EVERY = "*"  # in `leave_out`: all settings


def listed(value: object) -> object:
    """`[a=1, b=2]` for `{set: [a=1, b=2]}`, and nothing for no change."""
    if value is None:
        return {}
    if isinstance(value, list | tuple):
        return {"set": value}
    check_list(value)
    if isinstance(value, bool | int | float):
        raise ValueError('changes are a list, as in ["steps=300"]')
    return value


def check_list(value: object) -> None:
    """Refuses text where a list of assignments is wanted."""
    if isinstance(value, str):
        example = json.dumps([value if "=" in value else "steps=300"], ensure_ascii=False)
        raise ValueError(f"changes are a list, be it of one as in {example}")


def mapped(value: object) -> object:
    """Refuses a metric that is no mapping."""
    if not isinstance(value, Mapping | Measure):
        name = value if isinstance(value, str) and value else "score/kid"
        raise ValueError(f"a metric is a mapping, as in {{of: {name if '/' in name else f'score/{name}'}}}")
    return value


class Changes(Settings):
    """What a base, an arm or a setting decides: where to begin, and `key=value` assignments as in `train --set`.

    Attributes:
        data: a path, or the name of a known set.
        recipe: the name of a recipe; with data and no recipe, the plan made for them.
        set: assignments; those of the base come first, then the arm's, then the setting's.
    """

    data: str | None = None
    recipe: str | None = None
    set: tuple[str, ...] = ()

    @field_validator("set", mode="before")
    @classmethod
    def _flat(cls, value: object) -> object:
        """A list may hold lists, so that a file can name one and use it again."""
        check_list(value)
        if not isinstance(value, list | tuple):
            return value
        return [item for each in value for item in (each if isinstance(each, list | tuple) else [each])]


Made = Annotated[Changes, BeforeValidator(listed)]
Measured = Annotated[Measure, BeforeValidator(mapped)]


class LeftOut(Settings):
    """A pair that is not run, and why."""

    arm: str
    setting: str = EVERY
    why: str


class Study(Settings):
    """An experiment: every arm at every setting with every seed, judged by metrics and rules that were fixed before.

    Attributes:
        name: of the study.
        title: what is claimed, in a sentence.
        about: who says so and what they found, for the report.
        limits: what this study cannot say.
        remarks: what was seen besides, after it was run; no rule was written for it.
        tier: which of a claim's sizes this is, s, m or l.
        base: what all cells share; `arms`: what is compared; `settings`: under which conditions.
        seeds: of each arm at each setting; a number stands for 0, 1, ...
        metrics: by name; the first is the main one.
        reference: the arm that the others are held against in the table; the first where none is named.
        leave_out: pairs that cannot be, or need not be.
        command: of a cell that is no run of ours; {config}, {out} and {seed} are filled in, it leaves `metrics.jsonl` in {out}.
        minutes: of wall time after which a cell counts as hanging; `patience`: minutes without a step.
    """

    name: str
    title: str = ""
    about: str = ""
    limits: str = ""
    remarks: str = ""
    tier: str = ""
    base: Made = Changes()
    arms: dict[str, Made] = Field(min_length=1)
    settings: dict[str, Made] = Field(default_factory=lambda: {"as-is": Changes()}, min_length=1)
    seeds: tuple[int, ...] = Field(default=(0, 1, 2, 3, 4), min_length=1)
    metrics: dict[str, Measured] = Field(min_length=1)
    reference: str = ""
    rules: tuple[Rule, ...] = ()
    leave_out: tuple[LeftOut, ...] = ()
    command: tuple[str, ...] = ()
    minutes: PositiveFloat | None = None
    patience: PositiveFloat = 20

    @field_validator("seeds", mode="before")
    @classmethod
    def _counted(cls, value: object) -> object:
        if any(isinstance(each, bool) for each in (value if isinstance(value, list | tuple) else [value])):
            raise ValueError("seeds are numbers")
        if isinstance(value, int) and not 0 < value <= MOST_SEEDS:
            raise ValueError(f"a number alone says how many seeds, 1 to {MOST_SEEDS}; seed 7 alone is [7]")
        return tuple(range(value)) if isinstance(value, int) else value

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds) or min(seeds) < 0:
            raise ValueError("seeds are different numbers from 0 up")
        return seeds

    @field_validator("arms", "settings", "metrics", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        for name in value if isinstance(value, Mapping) else ():
            if not isinstance(name, str):
                raise ValueError(f"a name is text, found {name!r}; write it in quotes")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for where, names in (
            ("name", [self.name]),
            ("arms", self.arms),
            ("settings", self.settings),
            ("metrics", self.metrics),
        ):
            check_names(where, names)
        if next(self.pairs(), None) is None:
            raise ValueError("leave_out: nothing is left to run; leave out less")
        for rule in self.rules:
            for arm in (rule.a, rule.b):
                known("rules: an arm", arm, self.arms)
            known("rules: a metric", rule.metric, self.metrics)
            check_judges("rules", rule.metric, self.metrics)
            for setting in rule.settings:
                known("rules: a setting", setting, self.settings)
        check_judges("metrics: the first", next(iter(self.metrics)), self.metrics)
        for left in self.leave_out:
            known("leave_out: an arm", left.arm, self.arms)
            known("leave_out: a setting", left.setting, (*self.settings, EVERY))
        if self.reference:
            known("reference: an arm", self.reference, self.arms)
        return self

    @property
    def compared_with(self) -> str:
        """The arm that the others are held against."""
        return self.reference or next(iter(self.arms))

    def why_not(self, arm: str, setting: str) -> str | None:
        """Why a pair is left out; None where it is run."""
        found = (left.why for left in self.leave_out if left.arm == arm and left.setting in (setting, EVERY))
        return next(found, None)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Every (arm, setting) that is run."""
        for setting in self.settings:
            yield from ((arm, setting) for arm in self.arms if self.why_not(arm, setting) is None)

    def cells(self) -> list[Cell]:
        """All cells, seed by seed, so that whatever is there early compares all arms."""
        return [Cell(arm, setting, seed) for seed in self.seeds for arm, setting in self.pairs()]

    def yaml(self) -> str:
        """The study as YAML, in the order of the fields and without what stands at its default."""
        return yaml12.write(self.model_dump(mode="json", exclude_defaults=True), width=120)

    @classmethod
    def of(cls, settings: Mapping[str, Any], file: str = "study") -> "Study":
        """The study that a plain mapping describes; `file` is what errors call it.

        Raises:
            ConfigError: names the key, what was found and the nearest valid key.
        """
        try:
            return cls.model_validate(dict(settings))
        except ValidationError as error:
            problem, hint = explain(error, cls, "")
            raise ConfigError(f"{file}: {problem}", hint) from None


def check_names(where: str, names: Iterable[str]) -> None:
    """Refuses names that cannot be those of files, and two that some disks take for one."""
    seen: dict[str, str] = {}
    for name in names:
        if not NAME.match(name):
            raise ValueError(f"{where}: a name is 1 to 60 letters, digits, '_', '+' and '-', found {name!r}")
        if (other := seen.setdefault(name.lower(), name)) != name:
            raise ValueError(f"{where}: {other!r} and {name!r} differ in capitals alone, and would share files on some disks")


def known(what: str, name: str, names: Mapping[str, object] | Sequence[str]) -> None:
    """Refuses a name that is not among `names`, with the nearest one."""
    if name not in names:
        raise ValueError(f"{what} is {name!r}, and there is none; {near_miss(name, names)}known: {', '.join(names)}")


def check_judges(what: str, metric: str, metrics: Mapping[str, Measure]) -> None:
    """Refuses a metric of which no way is better, where one is asked for."""
    if not metrics[metric].judges:
        raise ValueError(f"{what}: {metric!r} has judges: false, so no arm is better by it; name a metric that judges")


def read_study(path: Path) -> Study:
    """The study in a YAML file; its `tiers`, where it has some, are those of a claim and need `claims.sized`."""
    return Study.of(read_yaml(path), str(path))


class Once(yaml12.Loader):
    """A loader that refuses a key that stands twice in one mapping: the first of two arms would be lost without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping of a node."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} stands twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        ConfigError: there is no such file, or it holds something else.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: there is no such file", "give a study file, or the name of a claim: `steadygan study list`")
    try:
        found = yaml.load(path.read_text(encoding="utf-8"), Once)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{path}: not readable as YAML: line {line}: {error.problem}") from None
    except (yaml.YAMLError, UnicodeDecodeError, OSError, RecursionError) as error:
        raise ConfigError(f"{path}: not readable as YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: expected a mapping, got {type(found).__name__}", "a study has at least arms and metrics")
    return found
