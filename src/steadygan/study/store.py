"""Store: files below a URL, on whatever disk, bucket or server fsspec has a protocol for. Each takes a name relative to it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import fsspec

from steadygan.errors import SteadyganError, UsageError

PAUSES = (1.0, 5.0)  # seconds before the second and the third attempt
NO_MORE = "check the address, the network and your rights there; no finished cell is lost"


def is_url(place: str) -> bool:
    """Whether a place is a URL and no path."""
    return "://" in place


class Store:
    """Files below a URL.

    Args:
        url: such as `s3://bucket/study`, `file:///mnt/share/study` or `memory://study`, which one process alone can see.

    Raises:
        UsageError: there is no such protocol, or what it needs is not installed.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        options = {"auto_mkdir": True} if self.url.startswith(("file:", "local:")) else {}
        try:
            self.files, self.root = fsspec.url_to_fs(self.url, **options)
        except (ImportError, ValueError) as error:
            raise UsageError(f"{url}: {error}", "give a URL that fsspec knows, or a directory") from None

    def path(self, name: str) -> str:
        """A name as the file system has it."""
        return f"{self.root}/{name}"

    def read(self, name: str) -> bytes | None:
        """What is in a file; None where there is none."""
        try:
            data: bytes = self.files.cat_file(self.path(name))
        except FileNotFoundError:
            return None
        return data

    def get(self, name: str, here: Path) -> bool:
        """Bring a file here; False where there is none."""
        data = self.read(name)
        if data is not None:
            here.parent.mkdir(parents=True, exist_ok=True)
            here.write_bytes(data)
        return data is not None

    def put(self, here: Path, name: str) -> None:
        """Bring a file there. Buckets have it whole or not at all; elsewhere it can be read half-written."""
        patiently(lambda: self.files.put_file(str(here), self.path(name)))

    def remove(self, name: str) -> None:
        """Delete a file, if it is there."""
        with suppress(FileNotFoundError):
            self.files.rm_file(self.path(name))

    def listed(self, name: str = "") -> list[str]:
        """The names in a folder; none where there is no such folder."""
        self.files.invalidate_cache()
        try:
            found = self.files.ls(self.path(name).rstrip("/"), detail=False)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(path.rstrip("/").rpartition("/")[2] for path in found)

    def below(self, name: str) -> list[str]:
        """The names of all files in a folder and its folders, relative to the store."""
        self.files.invalidate_cache()
        return sorted(path[len(self.root) + 1 :] for path in self.files.find(self.path(name)))

    def get_all(self, names: list[str], here: Path) -> None:
        """Bring many files here, several at a time where the protocol can."""
        for name in names:
            (here / name).parent.mkdir(parents=True, exist_ok=True)
        if names:
            self.files.get([self.path(name) for name in names], [str(here / name) for name in names])


def patiently(action: Callable[[], Any]) -> None:
    """Do something that a network may spoil, up to three times."""
    for pause in (*PAUSES, None):
        try:
            action()
        except Exception:
            if pause is None:
                raise
            time.sleep(pause)
        else:
            return


@contextmanager
def told(url: str) -> Iterator[None]:
    """Within it, whatever a protocol raises is told as an error of the address."""
    try:
        yield
    except SteadyganError:
        raise
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        raise UsageError(f"{url}: {type(error).__name__}: {lines[0]}".removesuffix(": "), NO_MORE) from error
