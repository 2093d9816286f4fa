"""TensorBoard: the scalars in event files."""

import math
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from steadygan.foreign.columns import Columns
from steadygan.foreign.log import UNITS, Log, Unit
from steadygan.foreign.reader import Reader, Wish
from steadygan.foreign.words import words_of

PART = 50_000  # readings that are gathered at a time
SLOW = 15.0  # seconds; what takes longer is no step but an epoch
HALVES = {"train", "validation", "val", "valid", "eval", "test"}  # folders that Keras makes of one run
# Numbers in a tensor's bytes: TensorFlow's code of the type -> how struct spells it.
TYPES = {1: "f", 2: "d", 3: "i", 9: "q"}


class Events(Reader):
    """The event files of one run. A later session of it overrides an earlier one, as in TensorBoard.

    Args:
        path: the directory.
        wish: how.
    """

    def __init__(self, path: Path, wish: Wish) -> None:
        super().__init__(path, wish)
        self.restart()

    def restart(self) -> None:
        """Forget what was read."""
        self.columns = Columns(self.wish.wanted)
        self.counts: dict[str, int] = {}
        self._loaders: dict[Path, Any] = {}
        self._from, self._to = (math.inf, 0.0), (-math.inf, 0.0)  # the first and the last step with their times

    def take(self) -> bool:
        """Take in what was added, of new files too."""
        from tensorboard.backend.event_processing.event_file_loader import (  # type: ignore[import-untyped]
            RawEventFileLoader,
        )

        news = False
        for file in event_files(self.path):
            if file not in self._loaders:
                self._loaders[file] = RawEventFileLoader(str(file))
            folder = "." if file == self.path else file.parent.relative_to(self.path).as_posix()
            outer = "" if folder == "." else f"{folder}/"
            news |= self._take_file(self._loaders[file].Load(), outer)
        return news

    def logs(self) -> list[Log]:
        """What was read so far."""
        log = Log(self.columns, str(self.path), self._unit(), "step")
        if self.count:
            log.column = None
            log.notes.append("The steps start over again and again, or stay the same: readings are counted instead.")
        elif log.unit == "epoch" and "epoch" not in self.wish.given:
            log.notes.append(
                f"A step took {self._pace():,.0f} seconds, so it is read as an epoch; --map step=step says it is none."
            )
        return [log]

    def _unit(self) -> Unit:
        """What its steps are: as the user said, as StyleGAN does it, or epochs where they take that long."""
        if self.count:
            return "row"
        given = next((unit for unit in UNITS if unit in self.wish.given), None)
        kimg = any(words_of(name)[-1:] == ["kimg"] for name in self.columns.others)
        return given or ("kimg" if kimg else "epoch" if self._pace() > SLOW else "step")

    def _pace(self) -> float:
        """Seconds from one step to the next."""
        (first, then), (last, now) = self._from, self._to
        return (now - then) / (last - first) if last > first else 0.0

    def _take_file(self, events: Iterable[bytes], outer: str) -> bool:
        """Take in the events of one file, its tags under `outer`."""
        found: dict[str, tuple[list[float], list[float]]] = {}
        count = total = 0
        for step, name, value, time in scalars(events):
            self._from, self._to = min(self._from, (step, time)), max(self._to, (step, time))
            total += 1
            if value is None:
                self._add(found, outer)
                self.columns.go_back(step)
                continue
            steps, values = found.setdefault(name, ([], []))
            steps.append(step)
            values.append(value)
            if (count := count + 1) % PART == 0:
                self._add(found, outer)
        self._add(found, outer)
        return total > 0

    def _add(self, found: dict[str, tuple[list[float], list[float]]], outer: str) -> None:
        """Move what was gathered into the columns."""
        for name, (steps, values) in found.items():
            if self.count:
                start = self.counts.get(outer + name, 0)
                steps = list(range(start + 1, start + 1 + len(values)))
                self.counts[outer + name] = start + len(values)
            self.columns.add(outer + name, np.array(steps, dtype=np.float64), np.array(values, dtype=np.float64))
        found.clear()


def scalars(events: Iterable[bytes]) -> Iterator[tuple[float, str, float | None, float]]:
    """(step, tag, value, time) of each scalar; no value where a session begins that overrides what came at `step` and later."""
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from tensorboard.compat.proto.event_pb2 import Event, SessionLog  # type: ignore[import-untyped]

    for data in events:
        try:
            event = Event.FromString(data)
        except DecodeError:
            continue
        if event.HasField("session_log") and event.session_log.status == SessionLog.START and event.step > 0:
            yield float(event.step), "", None, event.wall_time
        for item in event.summary.value:
            value = float(item.simple_value) if item.HasField("simple_value") else in_tensor(item)
            if value is not None:
                yield float(event.step), item.tag, value, event.wall_time


def in_tensor(item: Any) -> float | None:
    """The number in a summary of TensorFlow 2; None where it holds something else than one number."""
    if not item.HasField("tensor") or item.metadata.plugin_data.plugin_name != "scalars":
        return None
    tensor = item.tensor
    for values in (tensor.float_val, tensor.double_val, tensor.int_val, tensor.int64_val):
        if len(values) == 1:
            return float(values[0])
    kind = TYPES.get(tensor.dtype, "f")
    content = tensor.tensor_content
    return float(struct.unpack(f"<{kind}", content)[0]) if len(content) == struct.calcsize(kind) else math.nan


def event_files(path: Path) -> list[Path]:
    """The event files at a place and below it, oldest first; their names begin with the time."""
    files = [path] if path.is_file() else [file for file in path.rglob("*tfevents*") if file.is_file()]
    return sorted(files, key=lambda file: (file.name, str(file)))


def has_events(folder: Path) -> bool:
    """Whether the event files of one run are in a folder, or in the folders that Keras makes of one run."""
    if any("tfevents" in file.name for file in folder.iterdir() if file.is_file()):
        return True
    parts = [part for part in folder.iterdir() if part.is_dir() and any(part.glob("*tfevents*"))]
    return bool(parts) and {part.name for part in parts} <= HALVES
