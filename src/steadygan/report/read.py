"""A run directory as plain data. Any file may be missing or damaged: what can be read is shown, the rest is named."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import yaml

from steadygan import yaml12
from steadygan.errors import UsageError
from steadygan.history import History, read_jsonl
from steadygan.report.pictures import Picture, embedded

T = TypeVar("T")
MOST_PICTURES = 24


@dataclass
class RunRecord:
    """What a run directory holds.

    Attributes:
        name: of the directory.
        config, config_text: `config.yaml` parsed, and as it was written.
        plan: the text of `plan.md`.
        environment, outcome: the mappings in the JSON files; empty where there is none.
        findings, metrics: one mapping a line.
        samples: at most 24 of the sample sheets, evenly spaced, first and last among them.
        problems: one sentence for each file that could not be read.
    """

    name: str
    config: dict[str, Any] = field(default_factory=dict)
    config_text: str = ""
    plan: str = ""
    environment: dict[str, Any] = field(default_factory=dict)
    outcome: dict[str, Any] = field(default_factory=dict)
    history: History = field(default_factory=History)
    findings: list[dict[str, Any]] = field(default_factory=list)
    metrics: list[dict[str, Any]] = field(default_factory=list)
    samples: list[Picture] = field(default_factory=list)
    reals: Picture | None = None
    problems: list[str] = field(default_factory=list)

    @cached_property
    def last_step(self) -> int:
        """The furthest step that any file speaks of."""
        steps = [
            item["step"] for item in (*self.history, *self.metrics, *self.findings, self.outcome) if is_number(item, "step")
        ]
        return int(max([*steps, *(picture.step for picture in self.samples)], default=0))

    @property
    def endings(self) -> list[dict[str, Any]]:
        """The findings that still held when the run ended."""
        found = self.outcome.get("findings")
        return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def read_run(directory: Path) -> RunRecord:
    """Everything in the run directory that a report shows.

    Raises:
        UsageError: there is no such directory, or nothing of a run is in it.
    """
    if not directory.is_dir():
        raise UsageError(f"{directory}: there is no such directory", "give the directory that train --out named")
    if not any((directory / name).exists() for name in ("config.yaml", "history.jsonl")):
        raise UsageError(f"{directory}: there is no run here", "a run has a config.yaml and a history.jsonl")
    record = RunRecord(directory.resolve().name)
    record.config_text, record.plan = read_text(directory / "config.yaml", record), read_text(directory / "plan.md", record)
    record.config = parsed(record, "config.yaml", record.config_text)
    for name in ("environment", "outcome"):
        setattr(record, name, parsed(record, f"{name}.json", read_text(directory / f"{name}.json", record)))
    record.history = History(map(numbers_only, lines(directory / "history.jsonl", record)))
    record.findings, record.metrics = (lines(directory / f"{name}.jsonl", record) for name in ("findings", "metrics"))
    record.samples = sheets(directory / "samples", record)
    record.reals = embedded(directory / "reals.png")
    return record


def read_text(path: Path, record: RunRecord) -> str:
    """The text of a file; empty where it is missing. Bytes that are no text are shown as such."""
    try:
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    except OSError as error:
        record.problems.append(f"{path.name} could not be opened: {error.strerror}.")
        return ""


def parsed(record: RunRecord, name: str, text: str) -> dict[str, Any]:
    """The mapping in YAML or JSON text; empty, and named among the problems, where it is none."""
    try:
        value = json.loads(text or "{}") if name.endswith(".json") else yaml12.read(text or "{}")
    except (ValueError, yaml.YAMLError, RecursionError):
        value = None
    if not isinstance(value, dict):
        record.problems.append(f"{name} could not be read.")
        return {}
    return value


def lines(path: Path, record: RunRecord) -> list[dict[str, Any]]:
    """The records of a JSON-lines file that carry a step; none, and named among the problems, where it is damaged."""
    try:
        found: list[dict[str, Any]] = [item for item in read_jsonl(path) if is_number(item, "step")]
    except (ValueError, OSError, RecursionError):
        record.problems.append(f"{path.name} could not be read.")
        return []
    return sorted(found, key=lambda item: item["step"])


def numbers_only(item: dict[str, Any]) -> dict[str, float]:
    """The entries that are numbers, those that are not finite among them."""
    return {name: value for name, value in item.items() if isinstance(value, int | float)}


def is_number(item: object, key: str) -> bool:
    """Whether `item` is a mapping with a finite number under `key`."""
    value = item.get(key) if isinstance(item, dict) else None
    return isinstance(value, int | float) and bool(np.isfinite(value))


def sheets(folder: Path, record: RunRecord) -> list[Picture]:
    """The sample sheets in the order of their steps: `000500.png` is step 500."""
    found = sorted((int(match[0]), path) for path in folder.glob("*.png") if (match := re.findall(r"\d+", path.stem)))
    pictures = [(path.name, embedded(path, step)) for step, path in spread(found, MOST_PICTURES)]
    record.problems += [f"samples/{name} is damaged." for name, picture in pictures if picture is None]
    return [picture for _, picture in pictures if picture]


def spread(items: Sequence[T], most: int) -> list[T]:
    """At most `most` of the items, evenly spaced, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    return [items[i] for i in np.linspace(0, len(items) - 1, most).round().astype(int)]
