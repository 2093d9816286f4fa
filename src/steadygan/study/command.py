"""A cell that is somebody's own program, under torchrun or not: it is started, waited for, and what it wrote is read."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from steadygan.errors import SteadyganError
from steadygan.history import read_jsonl

GLANCE = 0.2  # seconds between two looks at whether it has ended
TOLD = 300  # characters of what it said last


class Program:
    """A program in a process group of its own, so that all its children end with it.

    Args:
        command: the words of it.
        place: the directory that it runs for; what it prints goes to `log.txt` there.
    """

    def __init__(self, command: Sequence[str], place: Path) -> None:
        self.command, self.place, self.log = list(command), place, place / "log.txt"
        self._stopping = False

    def stop(self) -> None:
        """End it at the next glance."""
        self._stopping = True

    def run(self, tell: Callable[[int], None]) -> bool:
        """Run it to its end, telling the last step in its metrics now and then; False where it was stopped.

        Raises:
            SteadyganError: it cannot be started, or ended badly.
        """
        with self.log.open("a", encoding="utf-8") as log:
            try:
                process = subprocess.Popen(
                    self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
                )
            except OSError as error:
                problem = f"command: {self.command[0]!r} cannot be started ({error.strerror})"
                raise SteadyganError(problem, "give the program and its arguments as a list of words") from None
            try:
                while process.poll() is None and not self._stopping:
                    time.sleep(GLANCE)
                    tell(self.step())
            finally:
                end_group(process)
        if self._stopping:
            return False
        if process.returncode:
            said = self.log.read_text(encoding="utf-8", errors="replace").strip()[-TOLD:]
            raise SteadyganError(f"{self.command[0]}: ended with code {process.returncode}: {said}", f"see {self.log}")
        return True

    def step(self) -> int:
        """The last step in the metrics that it wrote; 0 before."""
        try:
            rows = read_jsonl(self.place / "metrics.jsonl")
            return int(rows[-1]["step"]) if rows else 0
        except (ValueError, KeyError, OSError):
            return 0


def filled(command: Sequence[str], config: Path, out: Path, seed: int) -> tuple[str, ...]:
    """The words of a command with {config}, {out} and {seed} filled in; other braces stay.

    >>> filled(["train.py", "--seed={seed}", "{}"], Path("c"), Path("o"), 3)
    ('train.py', '--seed=3', '{}')
    """
    words = {"{config}": str(config), "{out}": str(out), "{seed}": str(seed)}

    def with_all(word: str) -> str:
        for name, value in words.items():
            word = word.replace(name, value)
        return word

    return tuple(map(with_all, command))


def end_group(process: "subprocess.Popen[bytes]") -> None:
    """End a process with all its children: asked first, then made to."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, number)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                continue


def verdict_of(place: Path) -> str:
    """The verdict in an `outcome.json` that a program may have left; "" without."""
    try:
        return str(json.loads((place / "outcome.json").read_text(encoding="utf-8")).get("verdict", ""))
    except (OSError, ValueError, AttributeError):
        return ""
