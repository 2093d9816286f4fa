"""The 2-D toys: modes covered and high-quality samples on the ring of 8 and the grid of 25, in the PacGAN protocol.

    python benchmarks/toys.py [--seeds 10] [--recipes ring grid ring_r1r2 grid_r1r2]

Data: 100,000 points; ring of radius 1 and std 0.01, grid at {-4, -2, 0, 2, 4}^2 with std 0.05. Scored are 2,500 samples of the
averaged generator after the last step: a sample is of high quality within 3 std of its nearest centre, a mode is covered if it
has one (Lin et al. 2018, arXiv:1712.04086). Of the true distribution 98.9% are of high quality. Each seed is one training run
in a process of its own, on one thread; its processor time counts everything. Failures are rows like any other.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from protocol import write

MODES = {"ring": 8, "grid": 25}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--recipes", nargs="+", default=["ring", "grid", "ring_r1r2", "grid_r1r2"])
    arguments = parser.parse_args()
    place, rows = Path(tempfile.mkdtemp()), []
    for recipe in arguments.recipes:
        mine = []
        for seed in range(arguments.seeds):
            mine.append({"recipe": recipe, "seed": seed, **trained(place / f"{recipe}-{seed}", recipe, seed)})
            print(mine[-1], flush=True)
        rows += mine
        print(summary(recipe, mine), flush=True)
        write("toys", __doc__ or "", rows)


def trained(out: Path, recipe: str, seed: int) -> dict[str, object]:
    """One run: its last scores, its verdict and its processor seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "steadygan", "train", "--recipe", recipe, "--seed", str(seed), "--out", str(out)]
    subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    scores = json.loads((out / "metrics.jsonl").read_text().splitlines()[-1])
    return {
        "modes": int(scores["modes"]),
        "high_quality": round(scores["high_quality"], 4),
        "reverse_kl": round(scores["reverse_kl"], 4),
        "verdict": json.loads((out / "outcome.json").read_text())["verdict"],
        "cpu_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
    }


def summary(recipe: str, rows: list[dict[str, object]]) -> str:
    """Means over seeds, and how many seeds missed a mode."""
    modes, quality, seconds = ([float(str(row[key])) for row in rows] for key in ("modes", "high_quality", "cpu_seconds"))
    wanted = MODES[recipe.split("_")[0]]
    failed = sum(found < wanted for found in modes)
    return (
        f"{recipe}: modes {statistics.mean(modes):.1f} of {wanted}, high quality {statistics.mean(quality):.1%} "
        f"(least {min(quality):.1%}), {failed} of {len(rows)} seeds missed a mode, at most {max(seconds):.0f} processor seconds"
    )


if __name__ == "__main__":
    main()
