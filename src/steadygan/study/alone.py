"""One process at a time for one cell, also where a driver or a worker was killed and what it had begun goes on without it."""

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def alone(place: Path) -> Iterator[int]:
    """Within it, no other process plays the cell in `place`. Gives the open lock: a program that inherits it keeps others out.

    The worker of a driver that was killed may still be writing its checkpoint: it is waited for. A program that outlived its
    worker is ended.
    """
    locks = place.parent / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    lock = os.open(locks / place.name, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            end_noted(lock)
            fcntl.flock(lock, fcntl.LOCK_EX)
        os.ftruncate(lock, 0)
        yield lock
    finally:
        os.close(lock)


def note_group(lock: int, leader: int) -> None:
    """Write into a lock which group of processes keeps it."""
    os.pwrite(lock, f"{leader} {os.uname().nodename}".encode(), 0)


def end_noted(lock: int) -> None:
    """End the group of processes that keeps a lock, where one is noted in it and it is on this machine."""
    leader, _, machine = os.pread(lock, 1000, 0).decode(errors="replace").partition(" ")
    if leader.isdigit() and machine == os.uname().nodename:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(int(leader), signal.SIGKILL)
