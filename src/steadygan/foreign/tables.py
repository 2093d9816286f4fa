"""Tables: CSV, TSV and other separators, the CSV export of W&B among them."""

import re
import warnings
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from steadygan.errors import DataError
from steadygan.foreign.clock import Clock, Rows
from steadygan.foreign.columns import Columns
from steadygan.foreign.log import Log, place_of
from steadygan.foreign.reader import TextReader, empty
from steadygan.foreign.sniffing import Form, form_of
from steadygan.foreign.text import FORMS
from steadygan.history import Floats

HEAD = 200  # lines that tell how the table is written
PART = 50_000  # lines that are read at a time
RANGE_OF = re.compile(r"__(MIN|MAX)$")  # what W&B adds to each column of an export


class Table(TextReader):
    """A table of numbers in a text file, with or without a heading."""

    def restart(self) -> None:
        """Forget what was read."""
        super().restart()
        self.form: Form | None = None
        self.waiting: list[str] = []
        self.kept: list[int] = []  # the places of the columns that are read

    def parse(self, block: str) -> Iterator[Rows]:
        """The rows in whole lines."""
        lines = self.waiting + block.splitlines()
        self.waiting = []
        if self.form is None and (form := form_of(lines[:HEAD])):
            self._learn(form, lines)
            self.line, lines = self.line + form.skip, lines[form.skip :]
        if self.form is None:
            self.waiting = lines[:HEAD]  # a heading whose rows are still to come
            return
        for start in range(0, len(lines), PART):
            part = lines[start : start + PART]
            yield self._rows(part, self.form)
            self.line += len(part)

    def logs(self) -> list[Log]:
        """What was read so far, one log a run."""
        if self.form is None and not self.wish.follow:
            if any(line.strip() for line in self.waiting):
                raise DataError(f"{self.path}: there are no rows of numbers in it", FORMS)
            raise empty(self.path)
        return [self.log_of(part) for part in self.parts]

    def _learn(self, form: Form, lines: Sequence[str]) -> None:
        """What is in the table, from its heading and its first lines."""
        self.form = form
        self.clock = Clock(form.names, self.wish.given, self.count)
        places = {self.clock.column, self.clock.epoch}
        ranged = {RANGE_OF.sub("", name) for name in form.names if RANGE_OF.search(name)}
        self.parts = [Columns(self.wish.wanted, prefix) for prefix in self._prefixes(ranged)]
        numeric = numeric_columns(form, lines[:HEAD])
        for place, name in enumerate(form.names):
            if RANGE_OF.search(name) and RANGE_OF.sub("", name) in ranged:
                continue
            homes = [part for part in self.parts if name.startswith(part.prefix)]
            if name in places or any(self.wish.wanted(name.removeprefix(part.prefix)) for part in homes):
                self.kept.append(place)
            elif place in numeric and not place_of(name):
                for part in homes:
                    part.others[name.removeprefix(part.prefix)] = None

    def _prefixes(self, ranged: Iterable[str]) -> list[str]:
        """What the columns of each run begin with, in an export of W&B; of the run that the user spoke of, if of any."""
        found = sorted({name.rpartition(" - ")[0] + " - " for name in ranged if " - " in name}) or [""]
        asked = [prefix for prefix in found if any(column.startswith(prefix) for column in self.wish.given.values())]
        return asked or found

    def _rows(self, lines: list[str], form: Form) -> Rows:
        """The numbers in the columns that are kept."""
        numbers = fast(lines, form, self.kept)
        if numbers is None:
            return self._slow(lines, form)
        every = np.arange(len(numbers))
        return Rows(len(numbers), {form.names[place]: (every, numbers[:, i]) for i, place in enumerate(self.kept)})

    def _slow(self, lines: list[str], form: Form) -> Rows:
        """The same, cell by cell: a cell without a number is missing, a line with other columns is passed over."""
        found: dict[str, tuple[list[int], list[float]]] = {form.names[place]: ([], []) for place in self.kept}
        count = 0
        for place, line in enumerate(lines, self.line + 1):
            if not line.strip() or line.startswith("#"):
                continue
            cells = form.cells(line)
            if tuple(cells) == form.header:
                continue
            if len(cells) != len(form.names):
                self.pass_over(place)
                continue
            for column in self.kept:
                try:
                    value = form.number(cells[column])
                except ValueError:
                    value = None
                if value is not None:
                    rows, values = found[form.names[column]]
                    rows.append(count)
                    values.append(value)
            count += 1
        return Rows(count, {name: (np.array(rows, np.int64), np.array(values)) for name, (rows, values) in found.items()})


def fast(lines: list[str], form: Form, kept: Sequence[int]) -> Floats | None:
    """The numbers of columns that have one in each row: [rows, kept]; None where that is not so."""
    if form.decimal_comma or not kept or not lines:
        return None
    separator = None if form.separator == " " else form.separator
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            whole = {line.count(form.separator) for line in lines} if separator else {0}
            if len(whole) > 1:
                return None
            return np.loadtxt(lines, delimiter=separator, usecols=kept, comments=None, ndmin=2)
        except ValueError:
            return None


def numeric_columns(form: Form, lines: Sequence[str]) -> set[int]:
    """The columns that have numbers in the first lines."""
    found = set()
    for line in lines:
        for place, cell in enumerate(cells if len(cells := form.cells(line)) == len(form.names) else ()):
            try:
                found |= {place} if form.number(cell) is not None else set()
            except ValueError:
                continue
    return found
