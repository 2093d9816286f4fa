"""A worker that sleeps in place of playing, and says what a worker says: a step each half second, then a result of full size.

    python benchmarks/study_sleeper.py SECONDS

It stands in for `steadygan.study.worker` where the driver alone is to be timed.
"""

import json
import sys
import time

BETWEEN = 0.5  # seconds between two steps told, as a worker has it
SERIES = ("sigma", "effective_rank", "sigma_error", "wobble", "diversity", "slope")
SCORES = 10  # of a cell


def main(seconds: float) -> None:
    for line in sys.stdin:
        if line.strip() == "stop":
            return
        task, began = json.loads(line), time.monotonic()
        while (left := began + seconds - time.monotonic()) > 0:
            time.sleep(min(left, BETWEEN))
            say({"step": int(1000 * (time.monotonic() - began))})
        say({"result": result(task)})


def result(task: dict) -> dict:
    """A result with as many numbers as that of a whole run."""
    values = dict.fromkeys(task["measures"], 0.1 + 0.2)
    row = {"modes": 8.0, "high_quality": 0.391, "floor": {"modes": 8.0, "high_quality": 0.989}, "extractor": "points"}
    return {
        **task["cell"],
        "state": "finished",
        "config": task["fingerprint"],
        "step": 4000,
        "values": values,
        "scores": [{"step": 400 * number, **row} for number in range(1, SCORES + 1)],
        "traces": {name: [[100 * number, 1.0 / (number + 1)] for number in range(40)] for name in SERIES},
        "cost": {"cpu_seconds": 5.0, "seconds": 5.0, "ms_per_step": 1.25},
    }


def say(answer: dict) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]))
