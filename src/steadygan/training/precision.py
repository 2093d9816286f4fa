"""In which precision, memory format and number of threads to train; chosen by timing a few real steps."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

PrecisionName = Literal["float32", "bfloat16"]
DTYPES: tuple[PrecisionName, PrecisionName] = ("float32", "bfloat16")
Trial = Callable[[PrecisionName], None]


@dataclass(frozen=True)
class Precision:
    """How the forward passes compute. Weights, penalties and optimizers stay float32.

    Attributes:
        dtype: `bfloat16` runs convolutions and products under autocast.
    """

    dtype: PrecisionName = "float32"

    def autocast(self, device: torch.device) -> contextlib.AbstractContextManager[object]:
        """The autocast context for `device`; does nothing in float32."""
        if self.dtype == "float32":
            return contextlib.nullcontext()
        return torch.autocast(device.type, dtype=torch.bfloat16)


FLOAT32 = Precision()


@dataclass(frozen=True)
class Choice:
    """What was chosen, and why, in one line."""

    dtype: PrecisionName
    threads: int
    reason: str


def choose(
    trial: Trial, device: torch.device, threads: int, fixed: PrecisionName | None = None, try_threads: bool = True
) -> Choice:
    """Time `trial` in both precisions, then with more threads, and keep what clearly pays.

    bfloat16 must be 15% faster in processor time, more threads 1.3 times as fast on the clock: below that a noisy machine would
    choose at random, and the same seed would give another run.

    Args:
        trial: runs one training step in the given precision, on copies.
        device: where it runs.
        threads: the most threads to try on a CPU.
        fixed: the precision, where it is decided already.
        try_threads: compare one thread with `threads`; else take `threads` as they are.
    """
    dtype, told = (fixed, f"{fixed}, as asked") if fixed else choose_dtype(trial, device)
    if device.type != "cpu" or not try_threads or threads == 1:
        return Choice(dtype, threads, told)
    best, why = more_threads(trial, dtype, threads)
    return Choice(dtype, best, f"{told}; {why}")


def choose_dtype(trial: Trial, device: torch.device) -> tuple[PrecisionName, str]:
    """(precision, why)."""
    if device.type != "cpu":
        known = torch.cuda.is_bf16_supported()
        return ("bfloat16", "bfloat16: this GPU computes in it") if known else ("float32", "float32: this GPU has no bfloat16")
    with n_threads(1):
        slow, fast = (fastest(trial, name, time.process_time) for name in DTYPES)
    dtype: PrecisionName = "bfloat16" if fast * 1.15 < slow else "float32"
    return dtype, f"{dtype}: a step takes {slow * 1e3:.0f} ms in float32 and {fast * 1e3:.0f} ms in bfloat16"


def more_threads(trial: Trial, dtype: PrecisionName, most: int) -> tuple[int, str]:
    """(thread count, why): `most` threads where they are 1.3 times as fast on the clock as one, else 1."""
    with n_threads(1):
        alone = fastest(trial, dtype, time.perf_counter)
    with n_threads(most):
        together = fastest(trial, dtype, time.perf_counter)
    chosen = most if together * 1.3 < alone else 1
    return chosen, f"{chosen} thread{'s' * (chosen > 1)}: {most} are {alone / together:.1f} times as fast as one"


def fastest(trial: Trial, dtype: PrecisionName, clock: Callable[[], float], n: int = 4) -> float:
    """The least seconds of n runs, after one to warm up."""
    trial(dtype)
    seconds = []
    for _ in range(n):
        start = clock()
        trial(dtype)
        seconds.append(clock() - start)
    return min(seconds)


@contextlib.contextmanager
def n_threads(n: int) -> Iterator[None]:
    """Within it, torch computes with n threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def channels_last(network: nn.Module) -> None:
    """Lay the kernels of 2-D convolutions out channels-last, in place: convolutions prefer it on CPUs and GPUs."""
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
