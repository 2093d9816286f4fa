"""How quick `steadygan --help` is, and whether memory stays flat over 5,000 steps.

    python benchmarks/footprint.py

Processor seconds of the command, the least of five; resident memory of one process that trains a tiny network with a reading
every 50 steps, after 1,000 steps and after 5,000.
"""

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from protocol import write

from steadygan.config import Config
from steadygan.launch import start


def seconds_of(*command: str) -> float:
    """Processor seconds of one command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def resident() -> float:
    """MiB of memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def main() -> None:
    torch.set_num_threads(1)
    help_seconds = min(seconds_of(sys.executable, "-m", "steadygan", "--help") for _ in range(5))
    print(f"steadygan --help: {help_seconds:.2f} processor seconds")
    settings = {
        "data": {"name": "shapes", "count": 2000},
        "resolution": 16,
        "steps": 5000,
        "batch_size": 8,
        "network": {"name": "dcgan", "width": 4},
        "precision": "float32",
        "threads": 1,
        "evaluation": {"every": 0, "n": 50, "extractor": "pixels"},
    }
    run, held = start(Config.of(settings), Path(tempfile.mkdtemp()) / "run"), {}
    for event in run.play():
        if event.kind == "step" and event.step in (1000, 2000, 3000, 4000, 5000):
            held[event.step] = round(resident(), 1)
            print(f"step {event.step}: {held[event.step]} MiB", flush=True)
    write("footprint", __doc__ or "", [{"help_cpu_seconds": round(help_seconds, 3), "resident_mib": held}])


if __name__ == "__main__":
    main()
