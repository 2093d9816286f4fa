"""A worker as a Ray actor. This file imports neither Ray nor torch: its environment comes first."""

import os
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from steadygan.study.worker import Seat

LONG = 5.0  # seconds that a question waits for an answer


class RayWorker(Seat):
    """Plays one cell after another in a process of Ray's. It needs three threads: one plays, one is asked, one is stopped.

    Args:
        folder: where the driver runs, as paths in a config may be relative to it; without it there, wherever Ray started.
    """

    def __init__(self, folder: str) -> None:
        os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
        with suppress(OSError):
            os.chdir(folder)
        self.said: SimpleQueue[dict[str, Any]] = SimpleQueue()
        super().__init__(self.said.put)

    def ask(self) -> list[dict[str, Any]]:
        """All that was said since it was last asked; waits a while for something."""
        found = []
        with suppress(Empty):
            found.append(self.said.get(timeout=LONG))
            while True:
                found.append(self.said.get_nowait())
        return found
