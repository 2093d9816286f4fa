"""What running a study costs beside its cells, and what a second worker is worth.

    python benchmarks/study_driver.py overhead [--cells 200] [--seconds 5] [--workers 2]
    python benchmarks/study_driver.py workers [--cells 20] [--steps 2000] [--rounds 1]
    python benchmarks/study_driver.py plan [--cells 1000]

overhead: processor time of the driver's process as a share of that of its cells. The workers are `study_sleeper.py`, which
sleep for as long as a cell is said to take and speak the real protocol, with results of full size: a cell of so many seconds
takes as much processor time on a core of its own. The driver's time holds its 40 configs, every message, results.jsonl, and
the start of the workers; importing the package is told apart. What a worker takes to start is told too: it pays once, not by
the cell. `--sleep 0.1` lets cells sleep less than they are said to take, for a quick look that leaves out most of the waiting.
workers: time on the clock of the same real study with one worker and with two, in turns, and whether results are the same bit
for bit. Each cell is a run on the ring. The machine must have two idle cores.
plan: time on the clock for what has to be known of a study before it runs: reading it, its cells, and the config and
fingerprint of each; and then for what `steadygan study plan` estimates of it.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

STARTED = time.process_time()

import torch  # noqa: E402
from protocol import RESULTS, write  # noqa: E402

from steadygan.study import local  # noqa: E402
from steadygan.study.configs import Configs  # noqa: E402
from steadygan.study.driver import Driver  # noqa: E402
from steadygan.study.estimate import estimate  # noqa: E402
from steadygan.study.local import Local  # noqa: E402
from steadygan.study.place import StudyDirectory  # noqa: E402
from steadygan.study.study import Study, read_study  # noqa: E402

IMPORTED = time.process_time() - STARTED
SLEEPER = Path(__file__).with_name("study_sleeper.py")
ARMS = {
    "none": "stabilizers=[]",
    "sn": "n_critic=1",
    "r1": "stabilizers=[{name: r1, gamma: 0.1}]",
    "gp": "stabilizers=[wgan_gp]",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("overhead", "workers", "plan"))
    parser.add_argument("--cells", type=int)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--sleep", type=float)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=1)
    asked = parser.parse_args()
    if asked.what == "overhead":
        row = overhead(asked.cells or 200, asked.seconds, asked.sleep or asked.seconds, asked.workers)
    elif asked.what == "workers":
        row = workers(asked.cells or 20, asked.steps, asked.rounds)
    else:
        row = plan(asked.cells or 1000)
    print(json.dumps(row, indent=1))
    kept = [each for each in earlier() if each["what"] != asked.what]
    write("study_driver", __doc__ or "", [*kept, {"what": asked.what, **row}])


def earlier() -> list[dict]:
    """The rows that other parts of this benchmark have written."""
    path = RESULTS / "study_driver.json"
    return json.loads(path.read_text())["rows"] if path.is_file() else []


def study_of(cells: int, settings: int, steps: int) -> Study:
    """Four arms at so many settings with as many seeds as make so many cells."""
    rates = {f"rate-{number}": [f"discriminator.optimizer.learning_rate={(number + 1) * 1e-3}"] for number in range(settings)}
    often = [f"steps={steps}", f"evaluation.every={steps // 2}", f"checkpoints.every={steps // 4}"]
    return Study.of(
        {
            "name": "benchmark",
            "base": {"recipe": "ring", "set": [*often, f"monitoring.samples_every={steps}"]},
            "arms": {name: [change] for name, change in ARMS.items()},
            "settings": rates,
            "seeds": -(-cells // (len(ARMS) * settings)),
            "metrics": {"modes": {"of": "score/modes", "higher_is_better": True}, "wobble": {"of": "history/wobble/logits"}},
        }
    )


def run(study: Study, path: Path, workers: int) -> tuple[Driver, float, float]:
    """Run a study: the driver, its processor time and the time on the clock, both with the end of the workers."""
    cpu, clock = time.process_time(), time.monotonic()
    place = StudyDirectory(path)
    place.create(study)
    with place.lock():
        backend = Local(workers, place.logs)
        try:
            driver = Driver(study, place, backend)
            for _ in driver.run():
                pass
        finally:
            backend.close()
    return driver, time.process_time() - cpu, time.monotonic() - clock


def overhead(cells: int, seconds: float, sleep: float, workers: int) -> dict[str, object]:
    """The driver's share."""
    real = start_of_a_worker()
    local.WORKER = (sys.executable, str(SLEEPER), str(sleep))
    study = study_of(cells, 10, 4000)
    with tempfile.TemporaryDirectory() as folder:
        driver, cpu, clock = run(study, Path(folder) / "study", workers)
        assert len(driver.results) == len(study.cells())
    row = {"cells": len(study.cells()), "seconds a cell": seconds, "slept": sleep, "workers": workers, "clock": round(clock, 1)}
    told = {"driver": round(cpu, 2), "share": round(cpu / (seconds * len(study.cells())), 5)}
    return row | told | {"imports": round(IMPORTED, 2), "start of a worker": real}


def start_of_a_worker() -> float:
    """Processor seconds of a real worker for the start and the shortest of cells, beside what the cell itself took."""
    study = study_of(1, 1, 20).with_(seeds=(0,), arms={"sn": ()})
    with tempfile.TemporaryDirectory() as folder:
        before = children()
        driver, _, _ = run(study, Path(folder) / "study", 1)
        (result,) = driver.results.values()
        return round(children() - before - result.cost["cpu_seconds"], 2)


def children() -> float:
    """Processor seconds of the processes that have ended."""
    import resource

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def workers(cells: int, steps: int, rounds: int) -> dict[str, object]:
    """One worker against two."""
    study, spent, seen = study_of(cells, 1, steps), {1: [], 2: []}, []
    for _ in range(rounds):
        for count, times in spent.items():
            path = Path(tempfile.mkdtemp())
            driver, _, clock = run(study, path / "study", count)
            times.append(clock)
            seen.append(json.dumps([driver.results[cell].repeatable() for cell in study.cells()]))
            shutil.rmtree(path)
    one, two = (statistics.median(times) for times in spent.values())
    row = {
        "cells": len(study.cells()),
        "steps a cell": steps,
        "rounds": rounds,
        "one worker": round(one, 1),
        "two": round(two, 1),
    }
    return row | {"ratio": round(two / one, 3), "same results": len(set(seen)) == 1}


def plan(cells: int) -> dict[str, object]:
    """What is asked of a study before it runs, from a file as a user has it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "study.yaml"
        file.write_text(study_of(cells, 10, 4000).yaml(), encoding="utf-8")
        clock = time.monotonic()
        study = read_study(file)
        configs = Configs(study)
        for cell in study.cells():
            configs.mapping(cell), configs.fingerprint(cell)
        configured = time.monotonic()
        estimate(study)
        told = {"configs": round(configured - clock, 3), "estimate": round(time.monotonic() - configured, 3)}
        return {"cells": len(study.cells()), **told}


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
