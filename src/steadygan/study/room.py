"""How many cells at once: never more threads than cores, and never more processes than memory or GPUs hold."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from steadygan.environment import total_memory

EACH = 700 * 2**20  # bytes that a worker takes: the interpreter and torch, some data, a small game
LEFT = 500 * 2**20  # bytes for everything else
MEMINFO = Path("/proc/meminfo")


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_memory() -> int:
    """Bytes that could be used now; all there are where the system does not tell, 0 where it tells nothing."""
    for line in MEMINFO.read_text(encoding="ascii").splitlines() if MEMINFO.is_file() else ():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return total_memory()


def cards(environment: Mapping[str, str] = os.environ) -> list[str]:
    """The GPUs that this process may use, by the names that CUDA_VISIBLE_DEVICES knows them by."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    listed = environment.get("CUDA_VISIBLE_DEVICES")
    return [name.strip() for name in listed.split(",")][:count] if listed else [str(index) for index in range(count)]


def dealt(names: Sequence[str], slot: int, workers: int) -> list[str]:
    """The GPUs of one worker of several: an equal share that no other has, or one of them where there are too few.

    >>> [dealt("0123", slot, 2) for slot in range(2)], [dealt("01", slot, 3) for slot in range(3)]
    ([['0', '1'], ['2', '3']], [['0'], ['1'], ['0']])
    """
    share = max(len(names) // workers, 1)
    first = slot * share % max(len(names), 1)
    return [*names[first : first + share]]


def workers_for(asked: int | None, threads: int = 1, on_gpu: bool = True) -> tuple[int, str]:
    """(how many workers, why). Cells that share a GPU are timed wrongly, so there are as many only where that is asked for.

    Args:
        asked: how many; None for as many as there is room for.
        threads: that a cell takes.
        on_gpu: whether cells use a GPU where there is one.
    """
    most, limit = room_for(threads)
    gpus = len(cards()) if on_gpu else 0
    named = f"{gpus} GPU{'s' * (gpus != 1)}"
    if asked is None:
        return (gpus, named) if 0 < gpus < most else (most, limit)
    number, why = (asked, "as asked") if asked <= most else (most, f"{asked} asked for, but {limit}")
    return number, f"{why}, sharing {named}" if 0 < gpus < number else why


def room_for(threads: int) -> tuple[int, str]:
    """(how many workers the processor and the main memory have room for, which of the two says so)."""
    by_cores = max(cores() // max(threads, 1), 1)
    by_memory = max((free_memory() - LEFT) // EACH, 1) if free_memory() else by_cores
    if by_cores <= by_memory:
        return by_cores, f"{cores()} cores"
    return by_memory, f"{free_memory() / 2**30:.1f} GiB of free memory"
