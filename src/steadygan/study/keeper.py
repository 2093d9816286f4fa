"""A keeper: a small process that starts a program, and ends all of its processes as soon as nobody wants it any more.

    python -m steadygan.study.keeper PROGRAM ARGUMENT...

Nobody wants it once the keeper's standard input ends, which also happens where the worker at its other end is killed. torchrun
gives each of its ranks a session of its own, so killing its group leaves the ranks behind, holding memory and ports: on Linux
the keeper adopts whatever is left behind (`PR_SET_CHILD_SUBREAPER`), and nothing escapes. Elsewhere it ends the program's
group alone. It exits as the program did.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

GLANCE = 0.1  # seconds between two looks at whether it has ended
PATIENCE = 5.0  # seconds for a program to end by itself once it was asked to
SUBREAPER = 36  # of linux/prctl.h
PROCESSES = Path("/proc")


class Kept:
    """A program and everything that it starts.

    Args:
        command: the words of it.
    """

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        self.code: int | None = None

    def reap(self) -> None:
        """Take note of whatever has ended, the program itself or something that it left behind."""
        with suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                if found[0] == self.process.pid:
                    self.code = self.process.returncode = os.waitstatus_to_exitcode(found[1])

    def end(self) -> None:
        """Ask all of its processes to end; those that are still there a while later are made to."""
        deadline = time.monotonic() + PATIENCE
        self._signal(signal.SIGTERM)
        while self._left() and time.monotonic() < deadline:
            time.sleep(GLANCE)
        while self._left():
            self._signal(signal.SIGKILL)
            time.sleep(GLANCE)

    def _left(self) -> list[int]:
        self.reap()
        return [*descendants(os.getpid())] if PROCESSES.is_dir() else [self.process.pid] * (self.code is None)

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)
        for process in self._left():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, number)


def descendants(ancestor: int) -> Iterator[int]:
    """All processes below one, those that have ended and wait to be taken note of left out."""
    parents: dict[int, list[int]] = {}
    for status in PROCESSES.glob("[0-9]*/stat"):
        with suppress(OSError):
            state, parent = status.read_text(errors="replace").rpartition(")")[2].split()[:2]
            if state != "Z":
                parents.setdefault(int(parent), []).append(int(status.parent.name))
    below = [ancestor]
    while below:
        children = parents.get(below.pop(), [])
        below += children
        yield from children


def keep(command: list[str], wanted: int) -> int:
    """Run a program to its end, or until the file `wanted` comes to its own; returns its exit code, 128 + n for signal n."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    kept = Kept(command)
    try:
        while kept.code is None and not select.select([wanted], [], [], GLANCE)[0]:
            kept.reap()
    finally:
        kept.end()
    return shell_code(kept.code or 0)


def shell_code(code: int) -> int:
    """An exit code as shells have it."""
    return 128 - code if code < 0 else code


def main() -> None:
    """Keep the program that the arguments name, as a grandchild: some that end a worker end its children with it."""
    child = os.fork()
    if child:
        os._exit(shell_code(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: None)  # not SIG_IGN, which the program would inherit
    os._exit(keep(sys.argv[1:], 0))


if __name__ == "__main__":
    main()
