"""From a study to the configs of its cells, and what is known to be impossible about them before anything runs."""

import copy
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from steadygan.config import Config
from steadygan.configure import Request, configure, planned
from steadygan.custom import renamed
from steadygan.data import source_for
from steadygan.directory import write_json
from steadygan.environment import device_named
from steadygan.errors import ConfigError, UsageError
from steadygan.overrides import assign, parted, value_of
from steadygan.planning import fingerprint as fingerprint_of_data
from steadygan.planning import plan
from steadygan.study.cells import Cell
from steadygan.study.study import Changes, Study

STEADY = ("threads=1", "precision=float32")  # what is chosen by timing would not be chosen alike twice
SHAPING = ("data", "resolution", "channels", "conditional", "z_dim", "network", "loss", "stabilizers", "augmentations")


class Configs:
    """The configs of a study's cells, each pair of arm and setting made once.

    Args:
        study: whose.
        auto: the device that data are planned for where a cell's `device` is `auto`; this machine's where empty. A study that
            goes on elsewhere wants the one that it began with: see `auto_of`.
    """

    def __init__(self, study: Study, auto: str = "") -> None:
        self.study = study
        self.auto = auto or device_named("auto").type
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

    def on_gpu(self) -> bool:
        """Whether any cell uses a GPU where there is one."""
        return any(not config.device.startswith("cpu") for _, _, config in self.all())

    def _build(self, arm: str, setting: str) -> Config:
        base, by_arm, by_setting = self.study.base, self.study.arms[arm], self.study.settings[setting]
        every = (by_setting, by_arm, base)  # the nearest to the cell decides where it begins
        data, recipe = (next(filter(None, (getattr(each, key) for each in every)), None) for key in ("data", "recipe"))
        where = f"arm {arm!r} at setting {setting!r}"
        try:
            changes = [*STEADY, *assignments(base, by_arm, by_setting)]
            device = device_in(changes)
            settings = copy.deepcopy(beginning(data, recipe, self.auto if device == "auto" else device))
            for assignment in changes:
                assign(settings, assignment)
            return Config.of(settings)
        except UsageError as error:
            raise ConfigError(f"{where}: {error.problem}", error.hint) from None


def assignments(*changes: Changes) -> list[str]:
    """All assignments in their order, but factors last: they act on what the others have settled."""
    return sorted((assignment for each in changes for assignment in each.set), key=lambda each: parted(each)[1] == "*")


def device_in(changes: Iterable[str]) -> str:
    """The device that assignments end up with; `auto` where they name none.

    >>> device_in(["device=cuda", "steps=3"]), device_in(["device=cuda", "device=cpu"]), device_in([])
    ('cuda', 'cpu', 'auto')
    """
    named = [text for key, how, text in map(parted, changes) if (key, how) == ("device", "")]
    return str(value_of(named[-1])) if named else "auto"


@lru_cache(maxsize=64)
def beginning(data: str | None, recipe: str | None, device: str = "cpu") -> dict[str, Any]:
    """The settings that a recipe, or the plan for data on a device, begins with. Callers copy them.

    The device need not be here: a study is often driven from a machine without the GPUs of those that play its cells.
    """
    if data is None or recipe:
        return configure(Request(data=data, recipe=recipe))[0].mapping()
    source = source_for(data)
    made = plan(fingerprint_of_data(source.survey()), not device.startswith("cpu"))
    return Config.of(planned(source, made)).mapping()


def auto_of(note: Path) -> str:
    """The device that a study's data were planned for when it began, from its note; "" without one.

    Raises:
        ConfigError: the note holds something else.
    """
    if not note.is_file():
        return ""
    try:
        return str(json.loads(note.read_text(encoding="utf-8"))["auto"])
    except (ValueError, KeyError, TypeError):
        raise ConfigError(
            f"{note}: does not say for which device data were planned", 'write {"auto": "cpu"} or "cuda"'
        ) from None


def note_auto(note: Path, configs: Configs) -> None:
    """Write down for which device data are planned, so that the study means the same on another machine."""
    write_json(note, {"auto": configs.auto})


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
