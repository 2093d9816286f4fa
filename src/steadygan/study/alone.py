"""One process at a time for one cell, also where a driver or a worker was killed and what it had begun goes on without it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(place: Path) -> Iterator[int]:
    """Within it, no other process plays the cell in `place`. Gives the open lock: a keeper that inherits it keeps others out.

    The worker of a driver that was killed may still be writing its checkpoint, and the keeper of a worker that was killed may
    still be ending its program: they are waited for.
    """
    locks = place.parent / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    lock = os.open(locks / place.name, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)
