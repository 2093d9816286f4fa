"""What every benchmark prints with its numbers: machine, versions, and how they were taken."""

import json
import os
import platform
import time
from pathlib import Path

import torch

from steadygan.spectral.native import kernels

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, object]:
    """The machine and the versions behind a number."""
    cpu = next((line.split(":")[1].strip() for line in cpu_info() if line.startswith("model name")), platform.processor())
    return {
        "cpu": f"{cpu}, {os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}",
        "threads": torch.get_num_threads(),
        "kernels": kernels() is not None,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
        "date": time.strftime("%Y-%m-%d"),
    }


def cpu_info() -> list[str]:
    """The lines of /proc/cpuinfo, or none."""
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def write(name: str, protocol: str, rows: list[dict[str, object]]) -> Path:
    """Write one result file and print where it is."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"protocol": protocol, "machine": machine(), "rows": rows}, indent=1) + "\n")
    print(f"written to {path}")
    return path
