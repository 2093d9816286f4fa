"""Tail: the whole lines of a text file, in blocks, and later those that were added. Memory does not grow with the file."""

import codecs
import os
from collections.abc import Iterator
from pathlib import Path

from steadygan.errors import DataError

BLOCK = 4 * 2**20  # bytes read at a time
LONGEST_LINE = 64 * 2**20  # characters without a line's end: no log
HEAD = 64 * 2**10  # bytes that tell what kind of text it is
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
WANDB = "export it as CSV, or run `wandb sync` and export there"
KNOWN_STARTS = {
    b"\x89PNG": "a PNG image; folders of images go to --samples",
    b"\xff\xd8\xff": "a JPEG image; folders of images go to --samples",
    b"\x1f\x8b": "compressed with gzip; unpack it first",
    b"PK\x03\x04": "a zip archive, an Excel sheet or a PyTorch file; of a sheet, save it as CSV",
    b"PAR1": "Parquet; save it as CSV",
    b"SQLite": "a database; export its scalars as CSV",
    b"\x80": "a pickle, which could run code when read; save its scalars as CSV",
    b":W&B": f"a log of W&B that only its own program reads; {WANDB}",
}


class Rewritten(Exception):
    """The file was written anew while it was followed."""


class Tail:
    """A text file that may still grow.

    Args:
        path: the file.
        follow: whether a last line without an end is still being written; otherwise it is taken as it is.

    Raises:
        DataError: it is missing, empty, or no text.
    """

    def __init__(self, path: Path, follow: bool = False) -> None:
        self.path, self.follow = path, follow
        self._at, self._rest = 0, ""
        self._inode: int | None = None
        self._form: str | None = None
        self._decoder: codecs.IncrementalDecoder = codecs.getincrementaldecoder("utf-8")("replace")

    def blocks(self) -> Iterator[str]:
        """What was added since the last call, in blocks of whole lines, each line with its end.

        Raises:
            DataError: it is no text.
            Rewritten: it is another file than before, or shorter.
        """
        with self.path.open("rb") as file:
            status = os.fstat(file.fileno())
            if self._inode not in (None, status.st_ino) or status.st_size < self._at:
                raise Rewritten
            self._inode = status.st_ino
            file.seek(self._at)
            while data := file.read(BLOCK):
                if self._form is None:
                    self._learn(data[:HEAD])
                self._at += len(data)
                if block := self._whole(self._decoder.decode(data)):
                    yield block
        if not self.follow and self._rest:
            yield self._rest + "\n"
            self._rest = ""

    def _whole(self, text: str) -> str:
        """The whole lines of what was left over and of `text`; the last line waits for its end."""
        whole, end, self._rest = (self._rest + text).rpartition("\n")
        if len(self._rest) > LONGEST_LINE:
            raise DataError(f"{self.path}: a line of more than {LONGEST_LINE // 2**20} million characters", "this is no log")
        return whole + end

    def _learn(self, head: bytes) -> None:
        """How it is encoded, from its first bytes."""
        self._form = encoding_of(self.path, head)
        self._decoder = codecs.getincrementaldecoder(self._form)("replace")


def encoding_of(path: Path, head: bytes) -> str:
    """The encoding of a text that begins with `head`.

    Raises:
        DataError: it is no text.
    """
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if head.startswith(mark):
            return encoding
    for start, what in KNOWN_STARTS.items():
        if head.startswith(start):
            kind, _, hint = what.partition("; ")
            raise DataError(f"{path}: this is {kind}", hint)
    if b"\0" in head:
        raise DataError(f"{path}: this is no text, it begins with {head[:8]!r}", FORMS)
    try:
        codecs.getincrementaldecoder("utf-8")("strict").decode(head)
    except UnicodeDecodeError:
        return "cp1252" if not set(head) & UNDEFINED else "latin-1"
    return "utf-8"


UNDEFINED = {0x81, 0x8D, 0x8F, 0x90, 0x9D}  # bytes that mean nothing in cp1252
FORMS = (
    "what can be read: a run's directory, TensorBoard event files, a CSV or TSV, JSON lines such as StyleGAN's stats.jsonl, "
    "a W&B CSV export, printed lines such as `step 400 d_loss=0.63 g_loss=1.2`"
)
