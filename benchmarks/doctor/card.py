"""How often the judge is right, on the labelled suite: detections, false alarms, classes, delays, and folk rules beside it.

    python benchmarks/doctor/card.py [--runs DIR] [--parts sealed]

A sick run is detected if an alarm (a warning or a failure) is raised from 200 steps before its ground truth fails on; the
class is the commonest headline of the eight readings from there, right if it is among those that the samples or the known
cause make right. A false alarm is any alarm in a run that is stable to its end and to which nothing was done. An injection is
flagged if an alarm is raised within 300 steps of it; those that harmed nobody are counted apart. Undecided runs are left out
of all but that.
Intervals are Wilson's, 95%. The part `sealed` was never fitted; `fit` and `tune` are shown to see how much was learnt by heart.
"""

import argparse
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from folk import FOLK
from replay import Replay, replay
from store import DEFAULT, runs

sys.path.append(str(Path(__file__).parents[1]))
from protocol import write

EARLY, SOON = 200, 300  # steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=DEFAULT)
    parser.add_argument("--parts", nargs="+", default=["sealed"])
    options = parser.parse_args()
    judged = [replay(one) for part in options.parts for one in runs(options.runs, part=part)]
    rows: list[dict[str, object]] = [{"parts": " ".join(options.parts), "data": "all", **scores(judged)}]
    names = sorted({one.stored.meta["data"] for one in judged})
    rows += [{"data": data, **scores([one for one in judged if one.stored.meta["data"] == data])} for data in names]
    rows += [{"folk rule": name, **folk_scores(judged, name)} for name in FOLK]
    for row in rows:
        print("  " + ", ".join(f"{key} {value}" for key, value in row.items()))
    write("doctor_card", __doc__ or "", rows)


def scores(judged: list[Replay]) -> dict[str, object]:
    """All shares of one group of runs."""
    sick = [one for one in judged if one.stored.truth.state == "sick"]
    well = [one for one in judged if one.stored.truth.state == "stable" and one.stored.meta["injected"] is None]
    found = [(one, at) for one in sick if (at := one.first((one.stored.truth.since or 0) - EARLY)) is not None]
    right = [one.word(at) in (*one.stored.truth.right, *one.stored.meta["cause"]) for one, at in found]
    lead = [(one.stored.truth.since or 0) - at for one, at in found]
    readings = sum(len(one.steps) for one in well)
    return {
        "detected": share(len(found), len(sick)),
        "false alarms": share(sum(one.first() is not None for one in well), len(well)),
        "false readings in 1000": round(1000 * sum(int(one.loud.sum()) for one in well) / max(readings, 1), 2),
        "class right": share(sum(right), len(right)),
        "lead in steps, median": float(np.median(lead)) if lead else None,
        **injected(judged),
    }


def injected(judged: list[Replay]) -> dict[str, object]:
    """How many injections were flagged soon: of those after which the run was sick, and of the others."""
    flagged: dict[str, list[bool]] = defaultdict(list)
    for one in judged:
        if (at := one.stored.meta["injected"]) is not None:
            truth = one.stored.truth
            harm = "harmful" if truth.state == "sick" and (truth.since or 0) >= at - EARLY else "harmless"
            flagged[harm].append(one.first(at, at + SOON + 1) is not None)
    return {f"{harm} injections flagged": share(sum(flagged[harm]), len(flagged[harm])) for harm in ("harmful", "harmless")}


def folk_scores(judged: list[Replay], name: str) -> dict[str, object]:
    """The same of a rule of thumb: what it detects and how many stable runs it alarms, from step 400 on."""
    counts: dict[str, list[bool]] = {"sick": [], "stable": []}
    for one in judged:
        truth = one.stored.truth
        if truth.state == "sick" or (truth.state == "stable" and one.stored.meta["injected"] is None):
            since = (truth.since or 0) - EARLY if truth.state == "sick" else 400
            counts[truth.state].append(bool((FOLK[name](one.stored.history) & (one.steps >= since)).any()))
    return {
        "detected": share(sum(counts["sick"]), len(counts["sick"])),
        "false alarms": share(sum(counts["stable"]), len(counts["stable"])),
    }


def share(hits: int, of: int) -> dict[str, Any] | None:
    """A share with its interval and n; None of nothing."""
    if not of:
        return None
    p, z = hits / of, 1.96
    centre, half = p + z * z / (2 * of), z * (p * (1 - p) / of + z * z / (4 * of * of)) ** 0.5
    low, high = ((centre + sign * half) / (1 + z * z / of) for sign in (-1, 1))
    return {"share": round(p, 3), "from": round(max(low, 0.0), 3), "to": round(min(high, 1.0), 3), "n": of}


if __name__ == "__main__":
    main()
