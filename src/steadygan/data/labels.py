"""The classes of a tree of image files: from metadata.csv, from dataset.json, or one subfolder a class."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from steadygan.data.decoding import Bad
from steadygan.errors import DataError
from steadygan.parts import near_miss

CSV, JSON = "metadata.csv", "dataset.json"
SPLITS = {"train", "test", "val", "valid", "validation"}


@dataclass(frozen=True)
class Labelling:
    """Who belongs to which class.

    Attributes:
        classes: file -> class name; None where the data has no classes.
        reason: what to say of a file that is missing in `classes`.
        absent: (file, reason) of files that have a label but are not there.
    """

    classes: Mapping[str, str] | None
    reason: str = ""
    absent: Bad = field(default_factory=list)


def labelling(names: Iterable[str], texts: Mapping[str, bytes], where: str) -> Labelling:
    """The classes of the files `names`.

    Args:
        names: paths with forward slashes, relative to the root.
        texts: the content of the label files that are there, by name: metadata.csv or dataset.json.
        where: the place, for the errors, such as `photos/`.

    Raises:
        DataError: a label file cannot be understood, or there are two.
    """
    if len(texts) > 1:
        raise DataError(f"{where}: has both {CSV} and {JSON}", "keep the one that holds the labels")
    for name, content in texts.items():
        place = f"{where.rstrip('/')}/{name}"
        rows = _csv_rows(content, place) if name == CSV else _json_rows(content, place)
        return _listed(rows, set(names), name) if rows is not None else Labelling(None)
    return _by_subfolder(names, where)


def _listed(rows: Iterable[tuple[str, str]], names: set[str], origin: str) -> Labelling:
    """The classes that a label file gives; a file with two different labels counts as one without."""
    classes: dict[str, str] = {}
    for file, label in rows:
        known = classes.setdefault(file, label)
        classes[file] = known if known == label else ""
    absent = [(file, f"named in {origin} but not there") for file in classes if file not in names]
    return Labelling({file: label for file, label in classes.items() if label}, f"no single label in {origin}", absent)


def _csv_rows(content: bytes, where: str) -> Iterator[tuple[str, str]]:
    """(file, label) of each row of metadata.csv, which must have the columns file_name and label."""
    reader = csv.DictReader(_text(content, where).splitlines())
    columns = [column.strip() for column in reader.fieldnames or []]
    for wanted in ("file_name", "label"):
        if wanted not in columns:
            found = ", ".join(columns) or "nothing"
            raise DataError(f"{where}: no column {wanted!r}, found {found}", f"{near_miss(wanted, columns)}rename the column")
    reader.fieldnames = columns
    return ((_slashed(row["file_name"] or ""), (row["label"] or "").strip()) for row in reader)


def _json_rows(content: bytes, where: str) -> Iterator[tuple[str, str]] | None:
    """(file, label) of each entry of `{"labels": [["file", 3], ...]}`; None for `{"labels": null}`."""
    try:
        labels = json.loads(_text(content, where)).get("labels")
    except (json.JSONDecodeError, AttributeError) as error:
        raise DataError(f"{where}: not a JSON object: {error}", 'expected {"labels": [["file.png", 3], ...]}') from None
    if labels is None:
        return None
    pairs = list(labels.items()) if isinstance(labels, dict) else labels
    if not isinstance(pairs, list) or not all(map(_is_pair, pairs)):
        wrong = next((pair for pair in pairs if not _is_pair(pair)), pairs) if isinstance(pairs, list) else pairs
        raise DataError(f"{where}: expected pairs of file and class, got {wrong!r}", 'as in {"labels": [["file.png", 3], ...]}')
    return ((_slashed(file), str(label)) for file, label in pairs)


def _is_pair(value: object) -> bool:
    """Whether `value` is [file, class] with a class that is a word or a whole number."""
    return isinstance(value, (list, tuple)) and len(value) == 2 and isinstance(value[0], str) and type(value[1]) in (int, str)


def _by_subfolder(names: Iterable[str], where: str) -> Labelling:
    """One class a subfolder of the root; a tree with fewer than two of them has no classes."""
    parts = {name: PurePosixPath(name).parts for name in names}
    classes = {name: path[0] for name, path in parts.items() if len(path) > 1}
    found = set(classes.values())
    if len(found) < 2:
        return Labelling(None)
    if {name.lower() for name in found} <= SPLITS:
        raise DataError(f"{where}: its subfolders are splits, not classes: {', '.join(sorted(found))}", "give one of them")
    return Labelling(classes, "no label, as it is in no class folder")


def _text(content: bytes, where: str) -> str:
    """UTF-8 text, with or without a byte order mark."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: not UTF-8 text: {error.reason} at byte {error.start}", "save it as UTF-8") from None


def _slashed(name: str) -> str:
    """A file name as the tree writes it: forward slashes, no leading `./`."""
    return name.strip().replace("\\", "/").removeprefix("./")
