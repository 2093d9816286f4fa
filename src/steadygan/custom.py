"""A run's config.yaml, with everything it needs kept beside it: copies of the user's own part files, and where the data are."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from steadygan import yaml12
from steadygan.config import Config, read_mapping
from steadygan.directory import RunDirectory, write_text


def write_config(directory: RunDirectory, config: Config) -> None:
    """Write `config.yaml` so that the run can be resumed from any working directory.

    A part from `my.py:Mine` is written as `custom/my.py:Mine`, and the file copied there; a data path is made absolute.
    """
    settings = renamed(config.mapping(), lambda name: keep(directory, name))
    for source in (settings["data"], settings["data"].get("of")):  # the latter of a stacked set
        if isinstance(source, dict) and "path" in source:
            source["path"] = str(Path(source["path"]).expanduser().resolve())
    write_text(directory.config, yaml12.write(settings))


def read_config(directory: RunDirectory) -> Config:
    """The config of a run, its own part files included.

    Raises:
        UsageError: there is no run.
    """
    directory.require()
    return Config.of(renamed(read_mapping(directory.config), lambda name: find(directory, name)))


def read_asked(directory: RunDirectory, config: Config) -> Config:
    """The config as the user asked for it, where a rollback has changed it since; else `config`."""
    if not directory.config_asked.is_file():
        return config
    asked = Config.of(renamed(read_mapping(directory.config_asked), lambda name: find(directory, name)))
    return asked.with_(steps=config.steps)


def renamed(value: Any, rename: Callable[[str], str]) -> Any:
    """The same settings with every `file.py:Class` put through `rename`, wherever it stands."""
    if isinstance(value, dict):
        return {key: renamed(item, rename) for key, item in value.items()}
    if isinstance(value, list):
        return [renamed(item, rename) for item in value]
    return rename(value) if isinstance(value, str) and ".py:" in value else value


def keep(directory: RunDirectory, name: str) -> str:
    """Copy a part's file into the run; returns the name that finds it there."""
    path, _, class_name = name.rpartition(":")
    source, target = Path(path).expanduser().resolve(), directory.custom / Path(path).name
    if source != target.resolve():
        directory.custom.mkdir(exist_ok=True)
        shutil.copy2(source, target)
    return f"custom/{target.name}:{class_name}"


def find(directory: RunDirectory, name: str) -> str:
    """The full name of a part whose file the run keeps."""
    return str(directory.path / name) if name.startswith("custom/") else name
