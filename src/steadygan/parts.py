"""Part: a frozen, named piece of a run; Table: the parts of one family by name.

A family (loss, stabilizer, architecture, ...) is one base class and one table. A part is asked for in four ways that mean the
same: an object `R1(gamma=1)`, a name `"r1"`, a mapping `{"name": "r1", "gamma": 1}`, or one's own class `"my.py:Mine"`.
"""

import difflib
import importlib.util
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, Self, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from steadygan.errors import ConfigError


class Part(BaseModel):
    """A frozen pydantic model with a `name`; unknown settings are refused.

    A subclass states its name as `name: Literal["r1"] = "r1"`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=False)

    name: str
    origin: ClassVar[str | None] = None  # "my.py:Mine" where the class came from a user's file

    def spec(self) -> dict[str, Any]:
        """The plain mapping that builds this part again: every setting, `name` first."""
        settings = self.model_dump(mode="json")
        return {**settings, "name": self.origin or self.name}


P = TypeVar("P", bound=Part)


class Table(Generic[P]):
    """The parts of one family: name -> class.

    >>> class Fruit(Part): pass
    >>> class Apple(Fruit):
    ...     name: str = "apple"
    ...     weight: float = 0.2
    >>> fruits = Table("fruit", Fruit, {"apple": Apple})
    >>> fruits.build("apple").weight
    0.2
    >>> fruits.build({"name": "aple"})
    Traceback (most recent call last):
    steadygan.errors.ConfigError: fruit: no such fruit as 'aple'; did you mean 'apple'? known: apple
    """

    def __init__(self, family: str, base: type[P], classes: Mapping[str, type[P]]) -> None:
        self.family, self.base, self._classes = family, base, dict(classes)

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)

    def __getitem__(self, name: str) -> type[P]:
        return self._classes[name]

    def build(self, value: object, where: str = "") -> P:
        """The part that `value` asks for: an object, a name, a mapping with `name`, or `"file.py:Class"`.

        Args:
            value: what the user wrote.
            where: the key under which it stands, for the error, such as `stabilizers[0]`.

        Raises:
            ConfigError: the name is unknown, a setting is misspelt or of the wrong type.
        """
        where = where or self.family
        if isinstance(value, self.base):
            return value
        settings = {"name": value} if isinstance(value, str) else value
        if not isinstance(settings, Mapping) or not isinstance(settings.get("name"), str):
            raise ConfigError(f"{where}: expected a {self.family} name or a mapping with 'name', got {value!r}")
        cls = self.find(settings["name"], where)
        return build(cls, {key: item for key, item in settings.items() if key != "name"}, where)

    def find(self, name: str, where: str = "") -> type[P]:
        """The class named `name`, or the class `Mine` of the user's file for `"my.py:Mine"`."""
        where = where or self.family
        if ".py:" in name:
            return load_class(name, self.base, where)
        if name not in self._classes:
            known = f"known: {', '.join(self._classes)}"
            raise ConfigError(f"{where}: no such {self.family} as {name!r}", f"{near_miss(name, self._classes)}{known}")
        return self._classes[name]


def build(cls: type[P], settings: Mapping[str, Any], where: str) -> P:
    """`cls(**settings)`, with every complaint of pydantic turned into one line that names the key."""
    try:
        return cls.model_validate(dict(settings))
    except ValidationError as error:
        raise ConfigError(*explain(error, cls, where)) from None


def explain(error: ValidationError, cls: type[BaseModel], where: str) -> tuple[str, str]:
    """(problem, hint) for the first complaint of a pydantic error, with the full key and the nearest valid one."""
    errors = error.errors()
    first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])  # a typo explains what is missing
    path = ".".join([where, *map(str, first["loc"])]) if where else ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        wrong, known = str(first["loc"][-1]), settings_at(cls, first["loc"][:-1])
        return f"{path}: there is no such setting", f"{near_miss(wrong, known)}settings here: {', '.join(known)}"
    message = first["msg"].removeprefix("Value error, ")
    silent = not first["loc"] or first["type"] == "missing"  # a complaint about the whole names what it found itself
    found = "" if silent else f", got {first['input']!r}"
    return f"{path}: {message[:1].lower()}{message[1:]}{found}".removeprefix(": "), ""


def settings_at(cls: type[BaseModel], path: Iterable[int | str]) -> list[str]:
    """The setting names of the model found by walking `path` down from `cls`, through lists and mappings too."""
    annotation: Any = cls
    for key in path:
        found = model_in(annotation)
        if found is None:
            items = [each for each in get_args(annotation) if each is not Ellipsis]  # of a list, tuple or mapping
            annotation = next(iter(items[-1:]), None)
        elif str(key) in found.model_fields:
            cls, annotation = found, found.model_fields[str(key)].annotation
        else:
            break
    return list((model_in(annotation) or cls).model_fields)


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation is, bare or under Annotated."""
    bare = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    return bare if isinstance(bare, type) and issubclass(bare, BaseModel) else None


def near_miss(wrong: str, known: Iterable[str]) -> str:
    """`did you mean 'gamma'? ` or nothing."""
    close = difflib.get_close_matches(wrong, list(known), n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}? " if close else ""


def load_class(reference: str, base: type[P], where: str) -> type[P]:
    """The class named by `"path/to/my.py:Mine"`; it must derive from `base`. Runs the file: it is the user's own code."""
    path, _, class_name = reference.rpartition(":")
    file = Path(path).expanduser()
    if not file.is_file():
        raise ConfigError(f"{where}: no file {path!r}", "give the path of a Python file, as in my.py:Mine")
    module_name = f"steadygan_custom_{file.stem}"
    spec = importlib.util.spec_from_file_location(module_name, file)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{where}: {path!r} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    cls = getattr(module, class_name, None)
    if not (isinstance(cls, type) and issubclass(cls, base)):
        raise ConfigError(f"{where}: {path!r} has no {base.__name__} named {class_name!r}")
    cls.origin = f"{file}:{class_name}"
    return cls


class Settings(BaseModel):
    """A frozen group of settings that is not a part: it has no name and no table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def with_(self, **changes: object) -> Self:
        """A copy with some settings changed and all checks run again."""
        return self.model_validate({**{name: getattr(self, name) for name in type(self).model_fields}, **changes})
