"""What each probe costs, as a share of training at the cadence of its readings.

    python benchmarks/probes.py [--rounds 20]

The main job is played. In each round it trains for ten steps, then each probe of the default set measures once, then all of
them together with the making of their batch, as a run reads them. Compared is processor time, of one thread, in the run's own
precision. A share is the time of one reading over that of as many steps as lie between two readings; told is the median over
the rounds, with the quartiles. What is noted in every step (meters and updates) is not here; `overhead.py` has all together.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from protocol import write

from steadygan.launch import start
from steadygan.recipes import fashion
from steadygan.run import Event

STEPS = 10  # of training in a round


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        rows = [row(name, shares) for name, shares in measured(Path(folder) / "run", options.rounds).items()]
    for one in rows:
        print("  " + ", ".join(f"{key} {value}" for key, value in one.items()))
    write("probes", __doc__ or "", rows)


def measured(place: Path, rounds: int) -> dict[str, list[float]]:
    """The shares of each probe and of the whole reading, one a round."""
    run = start(fashion().changed(["steps=1000000"]), place)
    events, gauge, state, every = run.play(), run.measurement.gauge, run.game.state, run.config.monitoring.every
    train(events, 2 * STEPS)
    probes, shares = gauge.probes, {}
    for _ in range(rounds):
        step = spent(lambda: train(events, STEPS)) / STEPS
        for name, some in [*((probe.name, (probe,)) for probe in probes), ("all", probes), ("the batch alone", ())]:
            gauge.probes = some
            shares.setdefault(name, []).append(spent(lambda: gauge.read(state)) / (every * step))
        gauge.probes = probes
    batch = shares["the batch alone"]
    return {name: less(values, batch) if name not in ("all", "the batch alone") else values for name, values in shares.items()}


def train(events: Iterator[Event], steps: int) -> None:
    """Play on for so many steps."""
    done = 0
    while done < steps:
        done += next(events).kind == "step"


def spent(job: Callable[[], object]) -> float:
    """Processor seconds."""
    before = time.process_time()
    job()
    return time.process_time() - before


def less(values: list[float], others: list[float]) -> list[float]:
    """Differences round by round."""
    return [one - other for one, other in zip(values, others, strict=True)]


def row(name: str, shares: list[float]) -> dict[str, object]:
    """Median and quartiles in percent of training."""
    low, middle, high = statistics.quantiles(shares, n=4)
    return {
        "probe": name,
        "percent": round(100 * middle, 3),
        "from": round(100 * low, 3),
        "to": round(100 * high, 3),
        "rounds": len(shares),
    }


if __name__ == "__main__":
    main()
