"""What the benchmarks of remedies and of rollbacks share: a ledger that a crash cannot lose, a quick witness, shares."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from configurations import EVERY
from store import DEFAULT
from torch import Tensor
from witness import Witness

from steadygan.card.truth import SERIES, STABLE, Truth, judged
from steadygan.training.loop import State

sys.path.append(str(Path(__file__).parents[1]))
from protocol import write as write  # for both benchmarks

Row = dict[str, Any]
Key = tuple[str, str, int]  # what is sick, what is done about it, number of the seed


def asked(doc: str | None, names: Iterable[str], what: str, seeds: int) -> argparse.Namespace:
    """What the command line asks for: `seeds`, `only` some of the names, or the `table` of what is there."""
    names = list(names)
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=seeds)
    parser.add_argument("--only", nargs="+", default=names, choices=names, metavar=what)
    parser.add_argument("--table", action="store_true", help="tell what is there and stop")
    return parser.parse_args()


class Ledger:
    """Rows in a file of JSON lines, one a run, each written whole before the next run begins.

    Args:
        name: of the file in the folder of the suite's runs.
    """

    def __init__(self, name: str, folder: Path = DEFAULT) -> None:
        self.path = folder / f"{name}.jsonl"
        self.rows: dict[Key, Row] = {}
        for line in self.path.read_text().splitlines() if self.path.exists() else []:
            try:
                row = json.loads(line)
            except ValueError:  # half a line of a run that was killed
                continue
            self.rows[row["sick"], row["arm"], row["seed"]] = row

    def add(self, key: Key, row: Row) -> None:
        """Keep what came of a run."""
        self.rows[key] = {"sick": key[0], "arm": key[1], "seed": key[2], **row}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps(self.rows[key]) + "\n")

    def of(self, sick: str, arm: str) -> list[Row]:
        """All seeds of a cell."""
        return [row for (a, b, _), row in self.rows.items() if (a, b) == (sick, arm)]


def play_all(ledger: Ledger, wanted: Sequence[Key], one: Callable[[Key], Row]) -> None:
    """Play what is missing, in the order given, and tell of each; Ctrl-C ends it and loses nothing but the run at hand."""
    missing = [key for key in wanted if key not in ledger.rows]
    print(f"{len(wanted)} runs, {len(wanted) - len(missing)} are there: {ledger.path}", flush=True)
    start = time.monotonic()
    try:
        for done, key in enumerate(missing, 1):
            row = one(key)
            ledger.add(key, row)
            left = (time.monotonic() - start) / done * (len(missing) - done) / 60
            told = f"{row['state']} {row['letters']}"
            print(f"{done}/{len(missing)}  {' / '.join(map(str, key))}: {told}  {left:.0f} min left", flush=True)
    except KeyboardInterrupt:
        print("stopped; start again to go on", flush=True)


class Quick(Witness):
    """A witness of the modes alone: what is learnt by heart is not looked for."""

    def overfit(self, state: State, samples: Tensor) -> float:
        """Not looked for."""
        return float("nan")

    def copying(self, samples: Tensor) -> float:
        """Not looked for."""
        return float("nan")


def truth_of(seen: Sequence[Mapping[str, float]]) -> Truth:
    """The truth of readings every `EVERY` steps, as of a run of its own that began just before the first."""
    steps = np.arange(1, len(seen) + 1, dtype=np.int64) * EVERY
    return judged(steps, {name: np.array([one[name] for one in seen]) for name in SERIES})


def end_of(seen: Sequence[Mapping[str, float]], readings: int = 8) -> Row:
    """How a run ended: the last letter, and coverage over the newest readings."""
    covered = [one["coverage"] if one["finite"] else 0.0 for one in seen[-readings:]]
    truth = truth_of(seen)
    return {"ended_stable": truth.letters[-1] in STABLE, "coverage": round(float(np.mean(covered)), 4), **told(truth)}


def told(truth: Truth) -> Row:
    """A truth in short."""
    return {"state": truth.state, "kind": truth.kind, "since": truth.since, "letters": truth.letters}


def one_thread() -> None:
    """So that numbers do not depend on how many cores there are."""
    torch.set_num_threads(1)
