"""Time of several jobs that take turns in one process, so that a busy machine slows all of them alike."""

import time
from collections.abc import Callable

import torch


def clock(device: torch.device) -> float:
    """Processor seconds on a CPU; on a GPU seconds on the clock, with all of its work done."""
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()


def in_turns(jobs: dict[str, Callable[[int], None]], rounds: int, device: torch.device) -> dict[str, list[float]]:
    """Milliseconds of each job in each round, after three rounds to warm up."""
    spent: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(rounds + 3):
        for name, job in jobs.items():
            before = clock(device)
            job(turn)
            spent[name].append(1000 * (clock(device) - before))
    return {name: values[3:] for name, values in spent.items()}
