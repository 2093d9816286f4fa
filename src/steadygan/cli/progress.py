"""Progress of what may take a while: nothing at first, then a bar or a line now and then."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

QUIET_SECONDS, SECONDS_BETWEEN_LINES = 2, 10
Progress = Callable[[int, int], None]


@contextlib.contextmanager
def progress_later(doing: str, done_so_far: str) -> Iterator[Progress]:
    """A bar on stderr for what takes more than two seconds; now and then a line where that is no terminal.

    Args:
        doing: before the bar, such as "measuring".
        done_so_far: begins the lines, such as "measured".
    """
    console, started = Console(stderr=True), time.monotonic()
    columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn())
    last = started + QUIET_SECONDS - SECONDS_BETWEEN_LINES
    with Bar(*columns, transient=True, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(doing, total=None, visible=False)

        def tell(done: int, total: int) -> None:
            nonlocal last
            now = time.monotonic()
            bar.update(task, completed=done, total=total, visible=now - started > QUIET_SECONDS)
            if not console.is_terminal and now - last > SECONDS_BETWEEN_LINES:
                last = now
                print(f"{done_so_far} {done} of {total}", file=sys.stderr)

        yield tell
