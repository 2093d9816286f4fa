"""Lease: the lock of a study at a URL, a file that its owner renews. Buckets know no other."""

import json
import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from steadygan.errors import UsageError
from steadygan.study.store import Store

NAME = "lock.json"
BEAT = 30.0  # seconds between two renewals
STALE = 180.0  # seconds after the last one, by this machine's clock, when a lease can be taken over
SETTLE = 1.0  # seconds until of two drivers that begin at once each sees who wrote last


class Lease:
    """Who drives the study at a URL. Where two begin at once, the one that wrote last goes on.

    Clocks of machines that share a study agree within a minute or so. Whoever loses a lease nevertheless, with its network
    gone for longer than `STALE`, learns it at its next renewal and is `lost`.

    Args:
        store: the study's.
        here: a folder for the file before it is there.
    """

    def __init__(self, store: Store, here: Path) -> None:
        self.store, self.file = store, here / NAME
        self.token, self.by = uuid.uuid4().hex, f"process {os.getpid()} on {os.uname().nodename}"
        self.lost, self._over = False, threading.Event()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within it, the lease is renewed; afterwards it is given back.

        Raises:
            UsageError: another driver has it.
        """
        self.take()
        self._over.clear()
        thread = threading.Thread(target=self._renew, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()
            with suppress(Exception):  # it becomes stale by itself
                if self.mine():
                    self.store.remove(NAME)

    def take(self) -> None:
        """Write it as one's own, unless somebody else's is fresh."""
        found = self.found()
        age = time.time() - float(found.get("at", 0))
        if age < STALE:
            self._refuse(found, f"seen {max(age, 0):.0f} seconds ago")
        self.write()
        time.sleep(SETTLE)
        if not self.mine():
            self._refuse(self.found(), "it began at the same moment")

    def write(self) -> None:
        """Write it as one's own, as of now."""
        self.file.write_text(json.dumps({"by": self.by, "token": self.token, "at": time.time()}), encoding="utf-8")
        self.store.put(self.file, NAME)

    def mine(self) -> bool:
        """Whether it is one's own."""
        return bool(self.found().get("token") == self.token)

    def found(self) -> dict[str, Any]:
        """What is there; nothing where it is free, or not readable and so no driver's."""
        try:
            found = json.loads(self.store.read(NAME) or b"{}")
            return found if isinstance(found, dict) and isinstance(found.get("at", 0), int | float) else {}
        except ValueError:
            return {}

    def _renew(self) -> None:
        while not self._over.wait(BEAT):
            with suppress(Exception):  # the network; a later one will do
                if not self.mine():
                    self.lost = True
                    return
                self.write()

    def _refuse(self, found: dict[str, Any], seen: str) -> None:
        problem = f"{self.store.url}: another driver is at work here ({found.get('by', 'unknown')}, {seen})"
        hint = f"end it first; where it was killed, wait {STALE:.0f} seconds or delete {self.store.url}/{NAME}"
        raise UsageError(problem, hint)
