"""A cell that is somebody's own program, under torchrun or not: it is started, waited for, and what it wrote is read."""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from steadygan.errors import SteadyganError
from steadygan.history import read_jsonl

GLANCE = 0.2  # seconds between two looks at whether it has ended
TOLD = 300  # characters of what it said last
ERROR = re.compile(r"^(?:\[rank\d+\]: ?)?((?:[\w.]+(?:Error|Exception|Interrupt)|SystemExit)\b.*)$", re.MULTILINE)
TORCHRUN = "torch.distributed.elastic"  # its own error says only that there was one


class Program:
    """A program with a keeper, so that all its processes end with it, or with the process that waits for it.

    Args:
        command: the words of it.
        place: the directory that it runs for; what it prints goes to `log.txt` there.
        lock: of its cell, which the keeper holds as long as one of its processes lives.
    """

    def __init__(self, command: Sequence[str], place: Path, lock: int) -> None:
        self.command, self.place, self.log, self.lock = list(command), place, place / "log.txt", lock
        self._stopping = False

    def stop(self) -> None:
        """End it at the next glance."""
        self._stopping = True

    def run(self, tell: Callable[[int], None]) -> bool:
        """Run it to its end, telling the last step in its metrics now and then; False where it was stopped.

        Raises:
            SteadyganError: it cannot be started, or ended badly.
        """
        process = self._started()
        try:
            while process.poll() is None and not self._stopping:
                time.sleep(GLANCE)
                tell(self.step())
        finally:
            process.communicate()  # closes its input, upon which the keeper ends what is left
        if self._stopping:
            return False
        if process.returncode:
            said = telling(self.log.read_text(encoding="utf-8", errors="replace"))
            raise SteadyganError(f"{self.command[0]}: ended with code {process.returncode}: {said}", f"see {self.log}")
        return True

    def _started(self) -> "subprocess.Popen[bytes]":
        if shutil.which(self.command[0]) is None:
            problem = f"command: {self.command[0]!r} cannot be started (there is no such program)"
            raise SteadyganError(problem, "give the program and its arguments as a list of words")
        with self.log.open("a", encoding="utf-8") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "steadygan.study.keeper", *self.command],
                stdout=log,
                stderr=log,
                stdin=subprocess.PIPE,
                pass_fds=(self.lock,),
                start_new_session=True,
            )

    def step(self) -> int:
        """The last step in the metrics that it wrote; 0 before."""
        try:
            rows = read_jsonl(self.place / "metrics.jsonl")
            return int(rows[-1]["step"]) if rows else 0
        except (ValueError, KeyError, TypeError, OSError):
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


def telling(log: str) -> str:
    """What a log has to say of a failure: the first and the last error in it, or else its last words.

    Where one rank of many breaks, the others lose touch with it and break after it.

    >>> telling("[rank1]: ValueError: no such file\\n[rank0]: RuntimeError: connection closed\\n(a long table)")
    'ValueError: no such file ... RuntimeError: connection closed'
    """
    errors = [each for each in ERROR.findall(log) if not each.startswith(TORCHRUN)]
    told = dict.fromkeys(each[:TOLD] for each in (*errors[:1], *errors[-1:]))
    return " ... ".join(told) or log.strip()[-TOLD:]


def verdict_of(place: Path) -> str:
    """The verdict in an `outcome.json` that a program may have left; "" without."""
    try:
        return str(json.loads((place / "outcome.json").read_text(encoding="utf-8")).get("verdict", ""))
    except (OSError, ValueError, AttributeError):
        return ""
