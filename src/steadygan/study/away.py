"""Playing a cell whose place is a URL: in a scratch directory of this machine, from where everything is brought to the URL."""

import shutil
import tarfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from steadygan.study.player import Begun, Task, Tell, play
from steadygan.study.result import RESULT, Result
from steadygan.study.store import Store, is_url, patiently

EVERY = 60.0  # seconds at least between two checkpoints that are brought there
RESUME = "resume.tar"  # the directory as it was at a checkpoint, until the cell is done


def play_anywhere(task: Task, tell: Tell, begun: Begun) -> Result | None:
    """As `play`, also where the place is a URL.

    There a cell goes on from the last checkpoint that was brought to the URL: one is a minute after the last at the earliest,
    and when it is asked to stop. A cell that is somebody's own program begins anew. `result.json` comes last: where it is, all
    is.
    """
    if not is_url(task.place):
        return play(task, tell, begun)
    store = Store(task.place)
    with TemporaryDirectory(prefix="steadygan-") as scratch:
        here = Path(scratch) / task.cell.id
        taken_up(store, here)
        result = play(replace(task, place=str(here)), tell, begun, now_and_then(lambda: bring_resume(here, store)))
        if result is not None:
            bring(here, store)
        elif not task.command:
            patiently(lambda: bring_resume(here, store))
        return result


def taken_up(store: Store, here: Path) -> None:
    """Lay out what an earlier attempt left at a checkpoint, perhaps on another machine; nothing where that is no whole tar."""
    packed = here.parent / RESUME
    if store.get(RESUME, packed):
        try:
            with tarfile.open(packed) as tar:
                tar.extractall(here, filter="data")
        except (tarfile.TarError, EOFError, OSError):
            shutil.rmtree(here, ignore_errors=True)
        packed.unlink()


def now_and_then(bring: Callable[[], None]) -> Callable[[], None]:
    """Brings a checkpoint there if the last is old enough; one that fails to get there is only some time lost later."""
    last = time.monotonic()

    def saved() -> None:
        nonlocal last
        if time.monotonic() - last > EVERY:
            with suppress(Exception):
                bring()
            last = time.monotonic()

    return saved


def bring_resume(here: Path, store: Store) -> None:
    """Bring a whole run directory there as one file, which replaces the one before."""
    packed = here.parent / RESUME
    with tarfile.open(packed, "w") as tar:
        tar.add(here, ".")
    store.files.put_file(str(packed), store.path(RESUME))


def bring(here: Path, store: Store) -> None:
    """Bring a finished cell there, its result last."""
    for path in sorted(here.rglob("*")):
        if path.is_file() and path.name != RESULT:
            store.put(path, path.relative_to(here).as_posix())
    store.put(here / RESULT, RESULT)
    store.remove(RESUME)
