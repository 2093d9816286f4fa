"""Reader: what every form of log has in common. It is read once, or again and again while it grows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from steadygan.errors import DataError
from steadygan.foreign.clock import Clock, Rows
from steadygan.foreign.columns import Columns, StartsOver
from steadygan.foreign.log import Log
from steadygan.foreign.names import guess
from steadygan.foreign.text import Rewritten, Tail


@dataclass(frozen=True)
class Wish:
    """How a log is to be read.

    Attributes:
        given: series or unit -> column, as the user said.
        follow: it is still being written.
        everything: all columns are read, and not only those that may be one of our series.
    """

    given: Mapping[str, str]
    follow: bool = False
    everything: bool = False

    def wanted(self, column: str) -> bool:
        """Whether a column may be one of our series."""
        return self.everything or column in self.given.values() or guess(column) is not None


class Reader:
    """Reads one place.

    Args:
        path: the file or directory.
        wish: how.
    """

    def __init__(self, path: Path, wish: Wish) -> None:
        self.path, self.wish = path, wish
        self.count = False  # rows, whatever the columns say

    def read(self) -> bool:
        """Take in what was added since the last call; whether there was anything.

        Raises:
            DataError: it cannot be read.
        """
        again = False
        while True:
            try:
                return self.take() or again
            except StartsOver:
                self.count = True
            except Rewritten:  # by a resume, which cuts back what lies after its checkpoint
                self.count = False
            except OSError as error:
                raise unreadable(self.path, error) from None
            again = True
            self.restart()

    def take(self) -> bool:
        """Take in what was added; StartsOver where the steps turn out to be none."""
        raise NotImplementedError

    def restart(self) -> None:
        """Forget what was read."""
        raise NotImplementedError

    def logs(self) -> list[Log]:
        """What was read so far, one log a run."""
        raise NotImplementedError


class TextReader(Reader):
    """Reads a text file row by row."""

    def __init__(self, path: Path, wish: Wish) -> None:
        super().__init__(path, wish)
        self.restart()

    def restart(self) -> None:
        """Forget what was read."""
        self.tail = Tail(self.path, self.wish.follow)
        self.clock: Clock | None = None
        self.parts: list[Columns] = []  # one a run
        self.bad, self.first_bad = 0, 0  # lines that could not be read: how many, and the first
        self.line = 0  # how many there were

    def take(self) -> bool:
        """Take in what was added."""
        before = self.line
        for block in self.tail.blocks():
            for rows in self.parse(block):
                if self.clock is not None:
                    self.clock.place(rows, self.parts)
        return self.line > before

    def parse(self, block: str) -> Iterator[Rows]:
        """The rows in whole lines."""
        raise NotImplementedError

    def pass_over(self, line: int) -> None:
        """Note a line that could not be read."""
        self.bad, self.first_bad = self.bad + 1, self.first_bad or line

    def notes(self) -> list[str]:
        """What a reader of the log should know."""
        found = []
        if self.bad:
            lines = "line was" if self.bad == 1 else "lines were"
            found.append(f"{self.bad:,} {lines} passed over as no rows, the first is line {self.first_bad:,}.")
        if self.clock is None:
            return found
        if self.clock.lost:
            found.append(f"{self.clock.lost:,} rows without a number in '{self.clock.column}' were passed over.")
        return found

    def log_of(self, columns: Columns) -> Log:
        """One run of those that were read."""
        clock, name = self.clock, columns.prefix.removesuffix(" - ")
        if clock is None:
            return Log(columns, str(self.path), "row")
        notes = [*self.notes(), *order_notes(clock, columns, self.count)]
        return Log(columns, str(self.path), clock.unit, clock.column, name, notes=notes)


def order_notes(clock: Clock, columns: Columns, count: bool) -> list[str]:
    """What was done about the order of the rows."""
    if count:
        return ["What stands for the step starts over again and again, or stays the same: rows are counted instead."]
    if clock.column is None:
        return ["There is no column with steps: rows are counted instead. If there is one, give it as --map step=COLUMN."]
    again = max((columns[name].again for name in columns), default=0)
    twice = [f"{again:,} readings of the same step as others took their place."] if again else []
    if columns.sort:
        return [f"The rows are not in the order of '{clock.column}': they were put in order.", *twice]
    if columns.resumed:
        places = ", ".join(f"{step:,.12g}" for step in columns.resumed[:3]) + (", ..." if len(columns.resumed) > 3 else "")
        return [f"'{clock.column}' goes back to {places}: what was logged before from there on is left out.", *twice]
    return twice


def unreadable(path: Path, error: OSError) -> DataError:
    """The error for what the system does not let us read."""
    reason = (error.strerror or str(error)).lower()
    return DataError(
        f"{error.filename or path}: cannot be read: {reason}", "check its rights, or copy it to where you have some"
    )


def empty(path: Path) -> DataError:
    """The error for a file with nothing in it."""
    return DataError(f"{path}: it is empty", "a log has one row a reading")
