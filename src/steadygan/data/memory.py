"""Where decoded examples live: in memory where they fit, else in a file mapped into memory."""

import math
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from steadygan.data.cache import cache_directory, created
from steadygan.errors import DataError

UNKNOWN_MACHINE = 4 << 30  # bytes taken as available where the system does not say


def allocate(shape: Sequence[int], budget: int | None = None) -> Tensor:
    """An uninitialized uint8 tensor of `shape`: in memory up to `budget` bytes, above that mapped from a file in the cache.

    Args:
        shape: of the tensor.
        budget: bytes; None is half of what is available now.

    Raises:
        DataError: neither memory nor disk has room.
    """
    size = math.prod(shape)
    if size <= (available_memory() // 2 if budget is None else budget):
        return torch.empty(tuple(shape), dtype=torch.uint8)
    return torch.from_numpy(_mapped(shape, size))


def _mapped(shape: Sequence[int], size: int) -> "np.memmap[tuple[int, ...], np.dtype[np.uint8]]":
    """A mapped array whose file has no name any more, so the disk is free again when the process ends, however it ends."""
    descriptor, name = tempfile.mkstemp(prefix="decoded-", dir=created(cache_directory()))
    try:
        with os.fdopen(descriptor, "r+b") as file:
            _reserve(file.fileno(), size)
            return np.memmap(file, dtype=np.uint8, mode="r+", shape=tuple(shape))
    except OSError as error:
        reason = (
            f"the decoded images need {size / 1e9:.1f} GB, more than fits in memory or in {Path(name).parent}: {error.strerror}"
        )
        raise DataError(reason, "lower the resolution, or set STEADYGAN_DATA to a larger disk") from None
    finally:
        with suppress(PermissionError):  # Windows keeps the name of a file that is open
            Path(name).unlink()


def _reserve(descriptor: int, size: int) -> None:
    """Claims the blocks now: a write to a mapped file on a full disk would kill the process instead of raising."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:
        os.ftruncate(descriptor, size)


def available_memory() -> int:
    """Bytes this process may still take: the least of what the system and its control group say."""
    found = [value for value in (_system_memory(), _group_memory()) if value is not None]
    return min(found, default=UNKNOWN_MACHINE)


def _system_memory() -> int | None:
    """`MemAvailable` of Linux, or half of the physical memory elsewhere, in bytes."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, OSError, ValueError):
        return None


def _group_memory(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """What the control group (a container) leaves, in bytes; None where there is no limit."""
    try:
        return int((root / "memory.max").read_text()) - int((root / "memory.current").read_text())
    except (OSError, ValueError):
        return None
