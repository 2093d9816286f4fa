"""Printed: what a training loop prints for people, its numbers by the names before them."""

from collections.abc import Sequence
from typing import Any

from steadygan.errors import DataError
from steadygan.foreign.lines import Lines
from steadygan.foreign.log import Log
from steadygan.foreign.phrases import Phrase, phrase
from steadygan.foreign.reader import Wish, empty
from steadygan.foreign.sniffing import form_of
from steadygan.foreign.text import FORMS

FEW = 3  # lines of which one with names and numbers is enough to tell what kind of text it is


class Printed(Lines):
    """Lines with numbers among words. What says where a line stands holds for those after it too.

    Batch 400 of 938 in epoch 3 is step 2 * 938 + 400, where the epochs count from 1.
    """

    def restart(self) -> None:
        """Forget what was read."""
        super().restart()
        self.places: dict[str, float] = {}
        self.base: float | None = None  # the number of the first epoch, 0 or 1

    def logs(self) -> list[Log]:
        """What was read so far."""
        if self.clock is None and not self.wish.follow:
            raise DataError(f"{self.path}: there are no rows of numbers in it", FORMS) if self.line else empty(self.path)
        return super().logs()

    def _records(self, lines: Sequence[str]) -> list[dict[str, Any]]:
        """The numbers of the lines that have some beside their place: of those with known names, if there are such."""
        self.line += len(lines)
        found = [self._record_of(phrase(line, self.wish.wanted)) for line in lines]
        good = [record for record in found if any(map(self.wish.wanted, record))]
        return good if good or self.wish.follow else [record for record in found if record]

    def _record_of(self, found: Phrase) -> dict[str, Any]:
        """The numbers of a line, with where it stands; empty where it has none."""
        epoch = found.unit("epoch")
        if epoch and found.places[epoch] != self.places.get(epoch):
            self.places = {}
        self.places |= found.places
        if found.total and (epoch := next((name for name in self.places if name.lower().startswith("epoch")), None)):
            self.base = min(self.places[epoch], 1.0) if self.base is None else self.base
            self.places["step"] = (self.places[epoch] - self.base) * found.total + found.places[found.batch]
        return {**self.places, **found.values} if found.values else {}


def is_printed(text: str, wish: Wish) -> bool:
    """Whether a text that begins so was printed for people, and is no table."""
    lines = [line for line in text.splitlines() if line.strip()]
    said = [phrase(line, wish.wanted).values for line in lines]
    known = sum(any(map(wish.wanted, values)) for values in said)
    return known > (len(lines) > FEW) or sum(map(bool, said)) > len(lines) / 2 or (known > 0 and form_of(lines) is None)
