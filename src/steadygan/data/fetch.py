"""Fetches the files of a known set: with progress, resume and checksums, from the standard library alone."""

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from steadygan.data.cache import cache_directory, created
from steadygan.data.known import KnownFile, KnownSet
from steadygan.data.source import Progress
from steadygan.errors import DataError

BLOCK = 1 << 16  # bytes
TIMEOUT = 30  # seconds without an answer
ROUNDS = 2  # times that each address is tried


def directory_of(known: KnownSet) -> Path:
    """Where the files of a set are kept; it need not exist."""
    return cache_directory() / known.name


def is_fetched(known: KnownSet) -> bool:
    """Whether all files of a set are there; their checksums are not looked at."""
    return all((directory_of(known) / file.name).is_file() for file in known.files)


def fetch(known: KnownSet, progress: Progress | None = None) -> Path:
    """The directory with all files of a set, each checked against its checksums; what is missing is fetched first.

    Args:
        known: the set.
        progress: called with (bytes done, bytes in all).

    Raises:
        DataError: a file cannot be fetched or does not have its checksum.
    """
    directory, before = created(directory_of(known)), 0
    for file in known.files:
        path = directory / file.name

        def report(done: int, before: int = before) -> None:
            if progress:
                progress(before + done, known.size)

        if not path.exists():
            _download(file, path, known.name, report)
        elif wrong := _wrong(path, file):
            raise DataError(f"{path}: {wrong}", "delete it, and it will be fetched again")
        before += file.size
        report(0, before)
    return directory


def _download(file: KnownFile, path: Path, where: str, report: Callable[[int], None]) -> None:
    """Fetches one file into `path`; until its checksums are right it is called `.part`, which a later try goes on with."""
    part, problems = path.with_name(f"{path.name}.part"), []
    for url in file.urls * ROUNDS:
        try:
            _transfer(url, part, file.size, report)
        except (OSError, http.client.HTTPException) as error:
            problems.append(f"{url}: {_short(error)}")
            continue
        wrong = _wrong(part, file)
        if not wrong:
            os.replace(part, path)
            return
        if part.stat().st_size >= file.size:
            part.unlink()
        problems.append(f"{url}: {wrong}")
    tried = "; ".join(dict.fromkeys(problems))
    raise DataError(f"{where}: cannot fetch {file.name} ({file.size / 1e6:.1f} MB): {tried}", _advice(part, path))


def _advice(part: Path, path: Path) -> str:
    """What to do when a file cannot be fetched."""
    kept = part.stat().st_size / 1e6 if part.exists() else 0
    resume = f"run it again to go on after the {kept:.1f} MB already here" if kept else "check the network and run it again"
    return f"{resume}, or download the file by hand to {path}"


def _transfer(url: str, part: Path, size: int, report: Callable[[int], None]) -> None:
    """Appends to `part` what it lacks, or starts anew where the server cannot give a part of the file."""
    have = part.stat().st_size if part.exists() else 0
    if have >= size:
        return
    request = urllib.request.Request(url, headers={"User-Agent": "steadygan", **({"Range": f"bytes={have}-"} if have else {})})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        resumed = answer.status == 206 and str(answer.headers["Content-Range"]).startswith(f"bytes {have}-")
        done = have if resumed else 0
        with part.open("ab" if resumed else "wb") as out:
            # A server that never stops is left one block after the announced size.
            while done <= size and (block := answer.read(BLOCK)):
                out.write(block)
                done += len(block)
                report(min(done, size))


def _wrong(path: Path, file: KnownFile) -> str:
    """What is wrong with a fetched file, or nothing."""
    found = path.stat().st_size
    if found != file.size:
        return f"has {found:,} bytes instead of {file.size:,}"
    for algorithm, expected in (("md5", file.md5), ("sha256", file.sha256)):
        digest = hashlib.new(algorithm, usedforsecurity=False)
        with path.open("rb") as content:
            while block := content.read(BLOCK):
                digest.update(block)
        if digest.hexdigest() != expected:
            return f"has the {algorithm} checksum {digest.hexdigest()} instead of {expected}"
    return ""


def _short(error: Exception) -> str:
    """A network error in a few words."""
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answers {error.code} {error.reason}"
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return getattr(reason, "strerror", None) or str(reason) or type(error).__name__
