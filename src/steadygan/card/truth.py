"""From what was seen of a run to what is true of it: a letter a reading, one word a run. All thresholds are here.

A reading's letter is that of the means over the last `WINDOW` readings:

    D  diverged: not finite, or farther than `GONE` standard deviations from the data
    O  oscillating: `MOVED` of the samples changed mode from one reading to the next, beyond what chance makes of counts
    C  collapsed: at most half of the modes are there
    L  labels lost: the class asked for comes at most half as often as in real data (conditional games only)
    H  healthy: `ALL` of the modes, still, near the data; U the same, but blurred
    ?  undecided: anything between; neither sick nor stable

A run begins to count when it is stable for the first time. Until then only O and D count, those from `GRACE` steps on, and not
while more and more modes are found: to be slow is no sickness. Of a run that is never stable, C and L count too, once it is
sick for good. Numbers that are not finite count always. An incident is sickness in `WINDOW` letters in a row; it begins with
the first reading of that window that is sick by itself.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Seen = Mapping[str, Floats]

SERIES = ("coverage", "churn", "quality", "distance", "accuracy", "overfit", "copying", "finite")
WINDOW = 4  # readings
GRACE = 800  # steps
MOVED, STILL = 0.35, 0.3  # churn
HALF, ALL = 0.5, 0.8  # coverage
NEAR, GONE = 0.3, 1.5  # distance, in standard deviations of the data
SHARP = 0.5  # quality, as a share of that of real data
HEARD = 0.5  # accuracy, as a share of that of real data
SETTLED, LEAST = 0.7, 1 / 3  # shares of stable letters from the first on, and in all, of a run that is called stable
GAIN, SPAN = 0.1, 8  # coverage gained in so many readings, of a game that gets on
SLIDE = 400  # steps that a slow collapse takes at least from nine tenths of its best coverage
OVERFIT, COPYING = 0.3, 0.5  # of half the readings that count
SICK, STABLE = "DOCL", "HU"
RIGHT = {
    "divergence": ("DIVERGENCE", "NON-FINITE"),
    "oscillation": ("OSCILLATION",),
    "collapse": ("MODE-COLLAPSE",),
    "slide": ("SLOW-SLIDE", "MODE-COLLAPSE"),
    "labels": ("DATA-FAULT",),
}
KIND = {"D": "divergence", "O": "oscillation", "C": "collapse", "L": "labels"}


@dataclass(frozen=True)
class Truth:
    """What is true of a run.

    Attributes:
        letters: one a reading.
        severity: one a reading: 0 stable, 1 undecided or not counted yet, 2 sick, 3 sick and hardly anything is left.
        state: "stable", "sick" or "undecided".
        kind: of the first incident: divergence, oscillation, collapse, slide or labels; "" without one.
        since, until: its first step and the step of its last letter.
        settled: the step of the first stable letter.
        right: the headlines that the samples alone make right.
    """

    letters: str
    severity: tuple[int, ...]
    state: str
    kind: str = ""
    since: int | None = None
    until: int | None = None
    settled: int | None = None
    right: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {**asdict(self), "severity": list(self.severity), "right": list(self.right)}


def judged(steps: NDArray[np.int64], seen: Seen) -> Truth:
    """The truth of a run from the `SERIES` of its readings, each [T]."""
    smooth = {name: trailing(values) for name, values in seen.items()}
    letters = "".join(letter(smooth, index) for index in range(len(steps)))
    settled = next((index for index in range(WINDOW - 1, len(letters)) if letters[index] in STABLE), len(letters))
    late = [step >= GRACE and not gets_on(smooth["coverage"], i) for i, step in enumerate(steps)]
    for_good = len(letters.rstrip(SICK)) if settled == len(letters) else len(letters)
    gone = smooth["finite"] < 1
    counted = [i >= settled or gone[i] or (late[i] and (i >= for_good or letters[i] in "DO")) for i in range(len(letters))]
    severity = tuple(grade(letters[i], counted[i], smooth["churn"][i], smooth["coverage"][i]) for i in range(len(letters)))
    when = int(steps[settled]) if settled < len(letters) else None
    right = extras({name: values[counted] for name, values in seen.items()})
    bad = "".join(letters[i] if severity[i] >= 2 else "-" for i in range(len(letters)))
    found = next((i for i in range(len(bad) - WINDOW + 1) if "-" not in bad[i : i + WINDOW]), None)
    if found is None:
        calm = [one in STABLE for one in letters[settled:]]
        enough = bool(calm) and calm[-1] and np.mean(calm) >= SETTLED and sum(calm) >= LEAST * len(letters)
        state = "stable" if enough else "undecided"
        return Truth(letters, severity, state, settled=when, right=right)
    end = next((i for i in range(found, len(bad)) if bad[i] == "-"), len(bad))
    kind = kind_of(steps, smooth["coverage"], bad, found, end)
    alone = [i for i in range(max(found - WINDOW + 1, 0), found) if counted[i] and letter(seen, i) in SICK]
    since = int(steps[alone[0] if alone else found])
    return Truth(letters, severity, "sick", kind, since, int(steps[end - 1]), when, (*RIGHT[kind], *right))


def trailing(values: Floats) -> Floats:
    """Means over the last `WINDOW` readings, of those that are numbers: [T] -> [T]."""
    rows = [values[max(i - WINDOW + 1, 0) : i + 1] for i in range(len(values))]
    return np.array([np.nan if np.isnan(row).all() else np.nanmean(row) for row in rows])


def letter(seen: Seen, i: int) -> str:
    """The letter of reading i."""
    coverage, churn, quality, distance = (float(seen[name][i]) for name in ("coverage", "churn", "quality", "distance"))
    if seen["finite"][i] < 1 or not distance <= GONE:
        return "D"
    if churn >= MOVED:
        return "O"
    if coverage <= HALF:
        return "C"
    if seen["accuracy"][i] <= HEARD:
        return "L"
    if coverage >= ALL and churn < STILL and distance < NEAR:
        return "H" if quality >= SHARP else "U"
    return "?"


def gets_on(coverage: Floats, i: int) -> bool:
    """Whether reading i of smooth coverage shows more modes than a while before."""
    return bool(coverage[i] >= coverage[max(i - SPAN, 0)] + GAIN)


def grade(letter: str, counted: bool, churn: float, coverage: float) -> int:
    """The severity of a reading."""
    if letter not in SICK or not counted:
        return 0 if letter in STABLE else 1
    return 3 if letter == "D" or churn >= 2 * MOVED or coverage <= HALF / 2 else 2


def kind_of(steps: NDArray[np.int64], coverage: Floats, bad: str, found: int, end: int) -> str:
    """What the incident from reading `found` to before `end` is: its commonest letter; a slide where coverage fell slowly."""
    kind = KIND[Counter(bad[found:end]).most_common(1)[0][0]]
    before = coverage[:found]
    if kind != "collapse" or not len(before) or np.isnan(before).all() or np.nanmax(before) < 1.5 * coverage[found:end].mean():
        return kind
    best = int(np.flatnonzero(before >= 0.9 * np.nanmax(before))[-1])
    return "slide" if steps[found] - steps[best] >= SLIDE else kind


def extras(seen: Seen) -> tuple[str, ...]:
    """Headlines beside that of the incident, from the readings that count."""
    overfits, copies = (seen["overfit"] > OVERFIT, "DISCRIMINATOR-OVERFITS"), (seen["copying"] < COPYING, "GENERATOR-MEMORIZES")
    return tuple(name for hits, name in (overfits, copies) if len(hits) and hits.mean() >= 0.5)
