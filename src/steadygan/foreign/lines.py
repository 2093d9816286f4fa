"""Lines: JSON lines, nested or not, StyleGAN's stats.jsonl and our own history.jsonl among them."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from steadygan.errors import DataError
from steadygan.foreign.clock import Clock, Rows
from steadygan.foreign.columns import Columns
from steadygan.foreign.log import Log, place_of
from steadygan.foreign.reader import TextReader, Wish, empty

PART = 20_000  # lines that are read at a time
WORDS = {"nan": math.nan, "inf": math.inf, "+inf": math.inf, "-inf": -math.inf, "infinity": math.inf, "-infinity": -math.inf}
DEEPEST = 8  # levels of objects in objects

Found = dict[str, tuple[list[int], list[float]]]


class Lines(TextReader):
    """One JSON object a line, its numbers by name. What lies deeper is named `outer/inner`.

    Of a mapping with `num`, `mean` and `std`, as StyleGAN writes it, the mean goes under the name and the spread under
    `name/std`. A null is a missing number, but in a history of ours, where it is one that was not finite.

    Args:
        path: the file.
        wish: how.
        ours: it is a `history.jsonl`.
    """

    def __init__(self, path: Path, wish: Wish, ours: bool = False) -> None:
        self.ours, self.means = ours, False
        super().__init__(path, replace(wish, everything=ours))

    def parse(self, block: str) -> Iterator[Rows]:
        """The rows in whole lines."""
        lines = block.splitlines()
        for start in range(0, len(lines), PART):
            records = self._records(lines[start : start + PART])
            found: Found = {}
            for row, record in enumerate(records):
                self._gather(found, row, record, "", 0)
            begun = any(place_of(name) or name in self.wish.given.values() for name in found)
            if self.clock is None and records and (begun or not self.wish.follow):
                self.clock = Clock(found, self.wish.given, self.count)
                self.parts = [Columns(self.wish.wanted)]
            yield Rows(len(records), {name: (np.array(rows), np.array(values)) for name, (rows, values) in found.items()})

    def logs(self) -> list[Log]:
        """What was read so far."""
        if self.clock is None and not self.wish.follow:
            if self.line:
                hint = 'write one object a line, as in {"step": 1, "d_loss": 0.7}'
                raise DataError(f"{self.path}: no line of it is a JSON object", hint)
            raise empty(self.path)
        logs = [self.log_of(part) for part in self.parts]
        for log in logs:
            log.ours = self.ours
            log.batch = batch_beside(self.path) if self.means else None
        return logs

    def _records(self, lines: Sequence[str]) -> list[dict[str, Any]]:
        """The objects in some lines; lines that hold none are noted."""
        first, self.line = self.line + 1, self.line + len(lines)
        try:
            found = json.loads(f"[{','.join(lines)}]")
            if len(found) == len(lines) and all(type(record) is dict for record in found):
                return found  # type: ignore[no-any-return]
        except (ValueError, RecursionError):
            pass
        return [record for place, line in enumerate(lines, first) if (record := self._record(place, line)) is not None]

    def _record(self, place: int, line: str) -> dict[str, Any] | None:
        """The object in a line."""
        try:
            found = json.loads(line) if line.strip() else None
        except (ValueError, RecursionError):
            found = line
        if isinstance(found, dict):
            return found
        if found is not None:
            self.pass_over(place)
        return None

    def _gather(self, found: Found, row: int, record: dict[str, Any], outer: str, depth: int) -> None:
        """Add the numbers of a record, by name."""
        for key, value in record.items():
            name = outer + key
            if isinstance(value, dict):
                if "mean" in value and "num" in value:
                    self._gather_mean(found, row, name, value)
                elif depth < DEEPEST:
                    self._gather(found, row, value, f"{name}/", depth + 1)
                continue
            number = as_number(math.nan if value is None and self.ours else value)
            if number is not None:
                rows, values = found.setdefault(name, ([], []))
                rows.append(row)
                values.append(number)

    def _gather_mean(self, found: Found, row: int, name: str, value: dict[str, Any]) -> None:
        """Add a mean and its spread; nothing where it is the mean of nothing."""
        self.means = True
        if value["num"]:
            flat = {name: value["mean"], f"{name}/std": value.get("std")}
            self._gather(found, row, {key: number for key, number in flat.items() if not isinstance(number, dict)}, "", DEEPEST)


def as_number(value: object) -> float | None:
    """A JSON value as a number, None for one that is none; NaN and infinity may be written as words."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return math.inf
    return WORDS.get(value.strip().lower()) if isinstance(value, str) else None


def batch_beside(path: Path) -> int | None:
    """The batch size in the training_options.json that StyleGAN writes beside its statistics."""
    try:
        options = json.loads((path.parent / "training_options.json").read_text(encoding="utf-8"))
        size = options.get("batch_size")
    except (OSError, ValueError, AttributeError, RecursionError):
        return None
    return size if isinstance(size, int) and not isinstance(size, bool) and size > 0 else None
