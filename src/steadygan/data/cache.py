"""Where fetched sets and decoded images are kept: $STEADYGAN_DATA or ~/.cache/steadygan."""

import os
from pathlib import Path

from steadygan.errors import DataError

VARIABLE = "STEADYGAN_DATA"


def cache_directory() -> Path:
    """The cache directory, which need not exist yet; `$STEADYGAN_DATA` is read at each call."""
    return Path(os.environ.get(VARIABLE) or "~/.cache/steadygan").expanduser()


def created(directory: Path) -> Path:
    """`directory`, made if it is not there.

    Raises:
        DataError: it cannot be created.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{directory}: cannot be created: {error.strerror}", f"set {VARIABLE} to a directory you can write"
        ) from None
    return directory
