"""A driver in a process of its own, which a test can kill: `python drive_study.py STUDY OUT WORKERS`. It prints its events."""

import sys
from pathlib import Path

from study_cells import drive

from steadygan.study.study import read_study


def show(driver, event):
    """One line an event: what, of which cell, its step, and the processes that play."""
    print(event.kind, event.cell.id, event.step, *(each.process.pid for each in driver.backend.processes), flush=True)


if __name__ == "__main__":
    drive(read_study(Path(sys.argv[1])), Path(sys.argv[2]), workers=int(sys.argv[3]), see=show)
