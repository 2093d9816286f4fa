"""Fits the fused judge without one data set, and scores it there: what to expect of data that nobody has labelled.

    python benchmarks/doctor/leave_out.py [--runs DIR] [--parts fit tune sealed]

For each data set in turn the weights and thresholds are fitted as `fit.py` does, to the parts `fit` and `tune` of the others,
and the runs of the set that was left out are judged with them. The rules beside the fused judge have thresholds by hand, chosen
with all sets of those parts in view; they stay as they are. A set that is all sealed was left out when the judge that ships was
fitted: its row is that judge's.
"""

import argparse
import sys
from pathlib import Path
from unittest import mock

from fit import TIERS, labelled, tier
from store import DEFAULT

from steadygan.card.card import plainly
from steadygan.card.replay import replay
from steadygan.card.runs import Stored, runs
from steadygan.card.scores import Heard, Row, scores
from steadygan.diagnosis import fused

sys.path.append(str(Path(__file__).parents[1]))
from protocol import write


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=DEFAULT)
    parser.add_argument("--parts", nargs="+", default=["fit", "tune", "sealed"], help="of the set that is left out")
    options = parser.parse_args()
    stored = list(runs(options.runs))
    rows: list[dict[str, object]] = []
    for data in sorted({one.meta["data"] for one in stored}):
        row = left_out(stored, data, options.parts)
        print(f"{data}: " + ", ".join(f"{name} {value}".replace("\n", ", ") for name, value in row.items()), flush=True)
        rows.append({"left out": data, **plainly(row)})
    if set(options.parts) == {"fit", "tune", "sealed"}:
        write("doctor_leave_out", __doc__ or "", rows)


def left_out(stored: list[Stored], data: str, parts: list[str]) -> Row:
    """The scores on one data set of a judge that was fitted to the others."""
    known = [one for one in stored if one.meta["data"] != data and one.meta["part"] != "sealed"]
    fit = [labelled(one) for one in known if one.meta["part"] == "fit"]
    both = fit + [labelled(one) for one in known if one.meta["part"] == "tune"]
    fitted = tuple(fused.Tier(**tier(name, features, fit, both)) for name, features in TIERS.items())
    with mock.patch.object(fused, "tiers", return_value=fitted):
        return scores([Heard.of(replay(one)) for one in stored if one.meta["data"] == data and one.meta["part"] in parts])


if __name__ == "__main__":
    main()
