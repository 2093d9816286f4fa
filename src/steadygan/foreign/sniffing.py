"""Sniffing: how a table of numbers is written, from its first lines."""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

SEPARATORS = (",", "\t", ";", "|", " ")
MISSING = {"", "-", "na", "n/a", "none", "null", "nil"}
INFINITE = re.compile(r"(?i)^[-+]?(1\.#(inf|qnan|snan|ind)|-?nan\(\w*\))")
TENSOR = re.compile(r"^tensor\(\s*([^,)\s]+)")
DECIMAL_COMMA = re.compile(r"^[-+]?\d*,\d+([eE][-+]?\d+)?$")


@dataclass(frozen=True)
class Form:
    """How a table is written.

    Attributes:
        separator: between cells; a blank stands for any white space.
        decimal_comma: numbers are written like 0,5.
        names: of the columns.
        header: the cells of the heading as it stands in the file; empty where there is none.
        skip: lines before the first row.
    """

    separator: str
    decimal_comma: bool
    names: tuple[str, ...]
    header: tuple[str, ...] = ()
    skip: int = 0

    def cells(self, line: str) -> list[str]:
        """The cells of a line; one with another separator than the rest is understood where its count comes out right."""
        found = split(line, self.separator)
        if len(found) == len(self.names):
            return found
        others = (split(line, separator) for separator in SEPARATORS if separator != self.separator)
        return next((cells for cells in others if len(cells) == len(self.names)), found)

    def number(self, cell: str) -> float | None:
        """The number in a cell, None for one that is missing.

        Raises:
            ValueError: it is no number.
        """
        return number(cell.replace(",", ".") if self.decimal_comma and DECIMAL_COMMA.match(cell) else cell)


def number(cell: str) -> float | None:
    """The number in a cell; NaN and infinity as they are written in many places, and what is left of a printed tensor.

    >>> number("-1.#IND"), number("tensor(0.5, device='cuda:0')"), number(" "), number("7%")
    (nan, 0.5, None, 7.0)
    """
    try:
        return float(cell)
    except ValueError:
        cell = cell.strip()
    if cell.lower() in MISSING:
        return None
    if INFINITE.match(cell):
        return float("-inf" if cell.startswith("-") else "inf") if "inf" in cell.lower() else float("nan")
    tensor = TENSOR.match(cell)
    return float(tensor[1] if tensor else cell.removesuffix("%"))


def split(line: str, separator: str) -> list[str]:
    """The cells of a line, without quotes and outer blanks."""
    if separator == " ":
        return line.split()
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])]
    except csv.Error:
        return [cell.strip() for cell in line.split(separator)]


def form_of(lines: Sequence[str]) -> Form | None:
    """How a table is written that begins with these lines; None where they are no table of numbers."""
    rated = [(rating(lines, separator), separator) for separator in SEPARATORS]
    (goodness, width), separator = max(rated, key=lambda item: item[0][0])
    if goodness == 0:
        return None
    rows = [split(line, separator) for line in lines if not line.startswith("#")]
    decimal_comma = separator != "," and any(DECIMAL_COMMA.match(cell) for row in rows for cell in row)
    nameless = Form(separator, decimal_comma, named([""] * width))
    skip = next(index for index, line in enumerate(lines) if is_row(nameless, line) and not line.startswith("#"))
    headings = [cells for line in lines[:skip] if len(cells := nameless.cells(line.lstrip("# "))) == width]
    header = tuple(headings[-1]) if headings else ()
    return Form(separator, decimal_comma, named(header) if header else nameless.names, header, skip)


def rating(lines: Sequence[str], separator: str) -> tuple[float, int]:
    """How good a separator is, in 0..1, and how many columns it makes."""
    rows = [split(line, separator) for line in lines if line.strip() and not line.startswith("#")]
    widths = Counter(map(len, rows))
    if not widths:
        return 0.0, 0
    comma, best = separator != ",", (0.0, 1)
    for width, count in widths.items():
        cells = [cell for row in rows if len(row) == width for cell in row]
        numbers = sum(is_number(cell) or (comma and bool(DECIMAL_COMMA.match(cell))) for cell in cells)
        share = numbers / len(cells) if cells else 0.0
        best = max(best, (count / len(rows) * share * (1.0 if width > 1 else 0.5), width))
    return best


def is_number(cell: str) -> bool:
    """Whether a cell holds a number; a missing one is none."""
    try:
        return number(cell) is not None
    except ValueError:
        return False


def is_row(form: Form, line: str) -> bool:
    """Whether a line is a row and no heading: it has a number somewhere."""
    cells = form.cells(line)
    comma = form.decimal_comma
    return len(cells) == len(form.names) and any(is_number(c) or (comma and bool(DECIMAL_COMMA.match(c))) for c in cells)


def named(header: Sequence[str]) -> tuple[str, ...]:
    """A name for each column: those of the heading, made different from one another, `column 3` for one without."""
    names: list[str] = []
    for place, cell in enumerate(header, 1):
        name = cell or f"column {place}"
        count = sum(other == name or other.startswith(f"{name} (") for other in names)
        names.append(f"{name} ({count + 1})" if count else name)
    return tuple(names)
