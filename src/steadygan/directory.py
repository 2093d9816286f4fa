"""The run directory: the names in it, and how its files are written. Plain files, readable without this package."""

import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from steadygan.errors import UsageError
from steadygan.history import read_jsonl


class RunDirectory:
    """One run in one directory.

    Args:
        path: the directory; `create` makes it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config, self.plan, self.report = path / "config.yaml", path / "plan.md", path / "report.html"
        self.environment, self.outcome, self.fingerprint = (
            path / f"{n}.json" for n in ("environment", "outcome", "fingerprint")
        )
        self.history, self.findings, self.metrics = (path / f"{n}.jsonl" for n in ("history", "findings", "metrics"))
        self.interventions, self.abandoned = path / "interventions.jsonl", path / "abandoned.jsonl"
        self.config_asked = path / "config.asked.yaml"
        self.log, self.reals, self.samples = path / "log.txt", path / "reals.png", path / "samples"
        self.checkpoints, self.tensorboard, self.custom = path / "checkpoints", path / "tensorboard", path / "custom"

    def check_free(self) -> None:
        """Check that a run can be made here, without making anything.

        Raises:
            UsageError: something is there already.
        """
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            what = "a run" if self.config.exists() else "something"
            hint = f"continue it with `steadygan resume {self.path}`, or name another --out"
            raise UsageError(f"{self.path}: there is {what} here already", hint)

    def create(self) -> None:
        """Make the directory.

        Raises:
            UsageError: it cannot be written to.
        """
        try:
            self.samples.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{self.path}: cannot be written to ({error.strerror})", "name another --out") from None

    def require(self) -> None:
        """Check that a run is here.

        Raises:
            UsageError: there is none.
        """
        if not self.config.is_file():
            raise UsageError(f"{self.path}: there is no run here (no config.yaml)", "give the directory that train --out named")

    def checkpoint(self, name: str) -> Path:
        """The folder of the checkpoint `last`, `best`, `safe` or a numbered one."""
        return self.checkpoints / name


def append(path: Path, record: Mapping[str, Any]) -> None:
    """Add one line to a JSON-lines file; a number that is not finite is written as null."""
    with path.open("a", encoding="utf-8") as file:
        file.write(line_of(record))


def line_of(record: Mapping[str, Any]) -> str:
    """One record as one line of JSON."""
    return json.dumps(finite(record), allow_nan=False) + "\n"


def finite(value: Any) -> Any:
    """The same plain value with every number that is not finite as None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def write_json(path: Path, value: Any) -> None:
    """Write a plain value as an indented JSON file, whole or not at all."""
    write_text(path, json.dumps(finite(value), indent=1) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)


def cut_back(path: Path, step: int) -> list[dict[str, Any]]:
    """Drop the lines of a JSON-lines file that lie after `step`; returns those that stay."""
    kept: list[dict[str, Any]] = [record for record in read_jsonl(path) if record["step"] <= step]
    if path.exists():
        write_text(path, "".join(map(line_of, kept)))
    return kept


def newest(names: Iterable[str]) -> list[str]:
    """Numbered checkpoint names, the oldest first."""
    return sorted(name for name in names if name.startswith("step-"))
