"""Phrases: the names and numbers in a line that was printed for people."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from steadygan.foreign.log import Unit, place_of
from steadygan.foreign.words import words_of

NUMBER = r"(?i:[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?|[-+]?nan|[-+]?inf(?:inity)?)(?!\w|\.\d|:\d)"
WORD = r"[^\W\d][\w./]*(?:\([\w()]*\))?"  # d_loss, Loss/D, D(G(z))
# `D loss: 0.6`, `d_loss=tensor(0.6, ...)`, `'loss_d': 0.6`, `Epoch [3/200]`, `step 400`, `D(G(z)): 0.6 / 0.5`
PAIR = re.compile(
    rf"(?<![\w'\"])(?P<quote>['\"]?)(?P<name>{WORD}(?: {WORD}){{0,2}})(?P=quote)"
    rf"(?P<sign>\s*[:=]+\s*(?:[\w.]*[(\[]|['\"])?|[ \t]*[\[#]|[ \t])[ \t]*(?P<number>{NUMBER})(?:\s*/\s*(?P<second>{NUMBER}))?"
)
FRACTION = re.compile(r"(?<![\w./])(\d+)/(\d+)(?![\w./])")  # [0/25][400/938], or the 400/938 of a progress bar
LEADING = re.compile(r"\s*\[?(\d+)\]?(?:\s*[:|]\s|\s*(?=\[)|\s+(?=[^\W\d]))")  # 400 [D loss: 0.6]
COLOUR = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")
OF_EPOCH = {"batch", "batches", "batch idx", "batch index", "i", "n"}  # what starts over with each epoch

Wanted = Callable[[str], bool]


@dataclass
class Phrase:
    """What a line says.

    Attributes:
        places: where it stands, by name.
        values: its other numbers, by name.
        total: batches of an epoch, where the line says how many there are; `batch` is the name of their number.
    """

    places: dict[str, float] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    batch: str = ""
    total: float = 0.0

    def unit(self, unit: Unit) -> str | None:
        """The name of the place in such a unit."""
        return next((name for name in self.places if (place := place_of(name)) and place[1] == unit), None)


def phrase(line: str, wanted: Wanted) -> Phrase:
    """The numbers of a line.

    >>> phrase("[Epoch 3/200] [Batch 400/938] [D loss: 0.63] [G loss: 1.2]", lambda name: True)
    Phrase(places={'Epoch': 3.0, 'Batch': 400.0}, values={'D loss': 0.63, 'G loss': 1.2}, batch='Batch', total=938.0)
    """
    found, line = Phrase(), COLOUR.sub("", line)
    for pair in PAIR.finditer(line):
        take(found, pair, wanted)
    fractions = [tuple(map(float, one)) for one in FRACTION.findall(PAIR.sub(" ", line))]
    if len(fractions) > 1 and not found.places:
        found.places["epoch"] = fractions.pop(0)[0]
    if fractions and not found.unit("step"):
        number, total = fractions[0]
        name = "batch" if found.unit("epoch") else "step"
        found.places[name] = number
        found.batch, found.total = (name, total) if name == "batch" else ("", 0.0)
    if not found.places and (leading := LEADING.match(line)):
        found.places["step"] = float(leading[1])
    return found


def take(found: Phrase, pair: re.Match[str], wanted: Wanted) -> None:
    """Add one name and its number; a name that is not known counts only where a sign stands behind it."""
    name = known_part(pair["name"], wanted)
    number, second = float(pair["number"]), pair["second"]
    if name and place_of(name):
        found.places[name] = number
        if second and " ".join(words_of(name)) in OF_EPOCH:
            found.batch, found.total = name, float(second)
    elif name or pair["sign"].strip(" \t[#"):
        name = name or pair["name"]
        found.values |= {name: number, **({f"{name} 2": float(second)} if second else {})}


def known_part(name: str, wanted: Wanted) -> str:
    """A name without the words before it that belong to something else; empty where nothing is known of it.

    >>> known_part("INFO step", lambda name: False), known_part("train D loss", lambda name: True)
    ('step', 'train D loss')
    """
    words = name.split(" ")
    parts = (" ".join(words[first:]) for first in range(len(words)))
    return next((part for part in parts if place_of(part) or wanted(part)), "")
