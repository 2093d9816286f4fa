"""Places: what lies at a path, and what reads it."""

import json
from pathlib import Path

from steadygan.errors import DataError
from steadygan.foreign.lines import Lines
from steadygan.foreign.printed import Printed, is_printed
from steadygan.foreign.reader import Reader, Wish, unreadable
from steadygan.foreign.sniffing import form_of
from steadygan.foreign.tables import Table
from steadygan.foreign.tensorboard import Events, has_events
from steadygan.foreign.text import FORMS, HEAD, WANDB, encoding_of

OBJECTS = {".jsonl", ".ndjson"}
TABLES = {".csv", ".tsv", ".tab"}
FOR_PEOPLE = {".log", ".txt", ".out"}
IMAGES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif"}
OURS, STYLEGAN = "history.jsonl", "stats.jsonl"
DEEPEST = 3  # folders below the one that was named


def readers(path: Path, wish: Wish) -> dict[str, Reader]:
    """What reads the runs at a path, by the names of the runs; `''` where there is one.

    Raises:
        DataError: nothing is there, or nothing that is known.
    """
    path = path.expanduser()
    if not path.exists():
        raise DataError(f"{path}: there is no such file or directory", FORMS)
    try:
        found = [(path, reader_of(path, wish))] if path.is_file() else runs_below(path, wish, DEEPEST)
    except OSError as error:
        raise unreadable(path, error) from None
    if not found and any(path.rglob("*.wandb")):
        raise DataError(f"{path}: this is a log of W&B that only its own program reads", WANDB)
    if not found:
        raise DataError(f"{path}: there is nothing to judge in it{what_is_in(path)}", FORMS)
    if len(found) == 1:
        return {"": found[0][1]}
    return {folder.relative_to(path).as_posix(): reader for folder, reader in found}


def runs_below(path: Path, wish: Wish, depth: int) -> list[tuple[Path, Reader]]:
    """The runs in a folder and in those below it, each with what reads it; what is a run is not entered."""
    reader = in_folder(path, wish)
    if reader or not depth:
        return [(path, reader)] if reader else []
    folders = [inner for inner in sorted(path.iterdir()) if inner.is_dir() and not inner.name.startswith(".")]
    return [run for inner in folders if not inner.is_symlink() for run in runs_below(inner, wish, depth - 1)]


def reader_of(path: Path, wish: Wish) -> Reader:
    """What reads a file, by its name and its first bytes."""
    if "tfevents" in path.name:
        return Events(path, wish)
    if path.name == OURS:
        return Lines(path, wish, ours=True)
    suffix = path.suffix.lower()
    if suffix in TABLES | OBJECTS:
        return Table(path, wish) if suffix in TABLES else Lines(path, wish)
    head = head_of(path)
    if head.lstrip().startswith("{") and not head.lstrip("{ \n").startswith("'"):
        return Lines(path, wish)
    waiting = wish.follow and suffix in FOR_PEOPLE and form_of(head.splitlines()) is None
    return Printed(path, wish) if waiting or is_printed(head, wish) else Table(path, wish)


def in_folder(path: Path, wish: Wish) -> Reader | None:
    """What reads the run that a folder is, None where it is none: ours, StyleGAN's, TensorBoard's, one table or printed log.

    Raises:
        DataError: there are several tables or logs in it.
    """
    for name in (OURS, STYLEGAN):
        if (path / name).is_file():
            return Lines(path / name, wish, ours=name == OURS)
    if has_events(path):
        return Events(path, wish)
    files = [file for file in sorted(path.iterdir()) if file.is_file()]
    tables = [file for file in files if file.suffix.lower() in TABLES | OBJECTS]
    kind, found = "tables", tables
    if not tables:
        texts = [file for file in files if file.suffix.lower() in FOR_PEOPLE and file.stat().st_size]
        kind, found = "logs", [file for file in texts if is_printed(head_of(file), wish)]
    if len(found) > 1:
        names = ", ".join(file.name for file in found[:6]) + (", ..." if len(found) > 6 else "")
        raise DataError(f"{path}: there are {len(found)} {kind} in it: {names}", f"give one of them, as in {found[0]}")
    return reader_of(found[0], wish) if found else None


def head_of(path: Path) -> str:
    """The first lines of a text, whole ones where there is more than one."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    text = head.decode(encoding_of(path, head), "replace")
    return text if len(head) < HEAD else text[: text.rfind("\n") + 1] or text


def what_is_in(path: Path) -> str:
    """What a folder holds, in a few words."""
    names = sorted(file.name for file in path.iterdir())
    if not names:
        return ": it is empty"
    if sum(Path(name).suffix.lower() in IMAGES for name in names) > len(names) / 2:
        return "; a folder of images goes to --samples"
    return f", only {len(names)} files such as {', '.join(names[:3])}"


def has_ended(path: Path) -> bool:
    """Whether the run of ours at a path has come to its end: its outcome was written after its last reading.

    A monitor writes its outcome all along and so never says.
    """
    folder = path if path.is_dir() else path.parent
    outcome, history = folder / "outcome.json", folder / OURS
    try:
        written = json.loads(outcome.read_text(encoding="utf-8"))
        late = not history.exists() or outcome.stat().st_mtime_ns >= history.stat().st_mtime_ns
    except (OSError, ValueError, RecursionError):
        return False
    return late and isinstance(written, dict) and "interrupted" in written
