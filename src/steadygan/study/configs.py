"""From a study to the configs of its cells, and what is known to be impossible about them before anything runs."""

import copy
import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from steadygan.config import Config
from steadygan.configure import Request, configure
from steadygan.custom import renamed
from steadygan.errors import ConfigError, UsageError
from steadygan.overrides import assign, parted
from steadygan.study.cells import Cell
from steadygan.study.study import Changes, Study

STEADY = ("threads=1", "precision=float32")  # what is chosen by timing would not be chosen alike twice
SHAPING = ("data", "resolution", "channels", "conditional", "z_dim", "network", "loss", "stabilizers", "augmentations")


class Configs:
    """The configs of a study's cells, each pair of arm and setting made once."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self._made: dict[tuple[str, str], Config] = {}
        self._plain: dict[tuple[str, str], tuple[dict[str, Any], str]] = {}

    def mapping(self, cell: Cell) -> dict[str, Any]:
        """The settings of a cell as a plain mapping.

        Raises:
            ConfigError: names the arm and the setting whose assignment cannot be made.
        """
        return {**self._of_pair(cell)[0], "seed": cell.seed}

    def fingerprint(self, cell: Cell) -> str:
        """A few characters that differ where the settings of two cells differ in more than the seed."""
        return self._of_pair(cell)[1]

    def pair(self, arm: str, setting: str) -> Config:
        """The config of an arm at a setting, with no seed of its own."""
        if (arm, setting) not in self._made:
            self._made[arm, setting] = self._build(arm, setting)
        return self._made[arm, setting]

    def _of_pair(self, cell: Cell) -> tuple[dict[str, Any], str]:
        key = cell.arm, cell.setting
        if key not in self._plain:
            mapping = self.pair(*key).mapping()
            self._plain[key] = mapping, fingerprint({**mapping, "command": self.study.command, "files": own_files(mapping)})
        return self._plain[key]

    def all(self) -> Iterator[tuple[str, str, Config]]:
        """Arm, setting and config of every pair."""
        for arm, setting in self.study.pairs():
            yield arm, setting, self.pair(arm, setting)

    def _build(self, arm: str, setting: str) -> Config:
        base, by_arm, by_setting = self.study.base, self.study.arms[arm], self.study.settings[setting]
        every = (by_setting, by_arm, base)  # the nearest to the cell decides where it begins
        data, recipe = (next(filter(None, (getattr(each, key) for each in every)), None) for key in ("data", "recipe"))
        where = f"arm {arm!r} at setting {setting!r}"
        try:
            settings = copy.deepcopy(beginning(data, recipe))
            for assignment in [*STEADY, *assignments(base, by_arm, by_setting)]:
                assign(settings, assignment)
            return Config.of(settings)
        except UsageError as error:
            raise ConfigError(f"{where}: {error.problem}", error.hint) from None


def assignments(*changes: Changes) -> list[str]:
    """All assignments in their order, but factors last: they act on what the others have settled."""
    return sorted((assignment for each in changes for assignment in each.set), key=lambda each: parted(each)[1] == "*")


@lru_cache(maxsize=64)
def beginning(data: str | None, recipe: str | None) -> dict[str, Any]:
    """The settings that a recipe, or the plan for data, begins with. Callers copy them."""
    return configure(Request(data=data, recipe=recipe))[0].mapping()


def own_files(mapping: dict[str, Any]) -> dict[str, str]:
    """What the user's own part files hold, by name: a loss that was changed since is another loss."""
    found: dict[str, str] = {}

    def note(name: str) -> str:
        found[name] = hashlib.sha256(Path(name.rpartition(":")[0]).expanduser().read_bytes()).hexdigest()
        return name

    renamed(mapping, note)
    return found


def fingerprint(mapping: Mapping[str, Any]) -> str:
    """A few characters that differ where two plain mappings differ."""
    return hashlib.sha256(json.dumps(mapping, sort_keys=True).encode()).hexdigest()[:16]


def shape_of(config: Config) -> str:
    """What decides whether a config can be built at all: those that differ in rates, batches or seeds alone share it."""
    return json.dumps({key: value for key, value in config.mapping().items() if key in SHAPING}, sort_keys=True)
