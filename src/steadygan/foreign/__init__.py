"""Logs of runs that somebody else's loop wrote, read as histories. No part of it judges, and none needs torch."""

from collections.abc import Mapping
from pathlib import Path

from steadygan.foreign.names import check_given
from steadygan.foreign.places import has_ended, readers
from steadygan.foreign.reader import Reader, Wish
from steadygan.foreign.translation import Translated, translated

__all__ = ["Reader", "Translated", "Wish", "check_given", "has_ended", "read_logs", "readers", "translated"]


def read_logs(path: Path, given: Mapping[str, str] | None = None) -> list[Translated]:
    """The histories of the runs at a path.

    Args:
        path: a run's directory, TensorBoard event files, a table of numbers, JSON lines, or a folder of several of these.
        given: series or unit (`step`, `epoch`, `kimg`, `images`) -> column; columns that are not given are guessed.

    Raises:
        DataError: nothing is there that can be read, or none of it is known.
        UsageError: a column or series that was given is not there.
    """
    given = given or {}
    check_given(given)
    found = []
    for name, reader in readers(path, Wish(given)).items():
        reader.read()
        found += [renamed(translated(log, given), name) for log in reader.logs()]
    return found


def renamed(run: Translated, name: str) -> Translated:
    """The same run under the name of its place, where that has several."""
    run.name = "/".join(part for part in (name, run.name) if part)
    return run
