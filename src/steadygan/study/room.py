"""How many cells at once: never more threads than cores, and never more processes than memory holds."""

import os
from pathlib import Path

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


def workers_for(asked: int | None, threads: int = 1) -> tuple[int, str]:
    """(how many workers, why), from how many were asked for and how many threads a cell takes."""
    by_cores = max(cores() // max(threads, 1), 1)
    by_memory = max((free_memory() - LEFT) // EACH, 1) if free_memory() else by_cores
    most = min(by_cores, by_memory)
    limit = f"{cores()} cores" if by_cores <= by_memory else f"{free_memory() / 2**30:.1f} GiB of free memory"
    if asked is None:
        return most, limit
    return (asked, "as asked") if asked <= most else (most, f"{asked} asked for, but {limit}")
