"""Many images at once: decoded by a few threads into one tensor, with all the bad ones named together."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor

from steadygan.data.memory import allocate
from steadygan.data.source import Progress
from steadygan.errors import DataError
from steadygan.images import WHITE, as_pillow, fit

WINDOW = 256  # images handed to the threads at a time, so that Ctrl-C is answered soon
NAMES_SHOWN, REASONS_SHOWN = 5, 8

Bad = list[tuple[str, str]]
T = TypeVar("T")


def in_threads(work: Callable[[int], T], count: int, progress: Progress | None = None) -> Iterator[T]:
    """`work(0) ... work(count - 1)` in order, by at most as many threads as this process has processors."""
    with ThreadPoolExecutor(_processors()) as pool:
        for start in range(0, count, WINDOW):
            for done, result in enumerate(pool.map(work, range(start, min(start + WINDOW, count))), start + 1):
                yield result
                if progress:
                    progress(done, count)


def _processors() -> int:
    """Processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def decode_all(
    decode_one: Callable[[int], Tensor],
    names: Sequence[str],
    shape: tuple[int, ...],
    progress: Progress | None = None,
    budget: int | None = None,
) -> tuple[Tensor, list[int], Bad]:
    """All images that can be decoded, in order.

    Args:
        decode_one: index -> uint8 of `shape`; raises DataError with the reason alone.
        names: of the images, for the complaints.
        shape: (C, H, W) of every image.
        progress: called with (images done, images in all).
        budget: bytes, see `allocate`.

    Returns:
        uint8 [N, C, H, W], the indices of these N images, and (name, reason) of the others.
    """
    examples = allocate((len(names), *shape), budget)
    kept: list[int] = []
    bad: Bad = []
    for index, result in enumerate(in_threads(_guarded(decode_one, shape), len(names), progress)):
        if isinstance(result, str):
            bad.append((names[index], result))
        else:
            examples[len(kept)] = result
            kept.append(index)
    return examples[: len(kept)], kept, bad


def _guarded(decode_one: Callable[[int], Tensor], shape: tuple[int, ...]) -> Callable[[int], Tensor | str]:
    """`decode_one` with the reason as the result where it fails or gives another shape."""

    def guarded(index: int) -> Tensor | str:
        try:
            image = decode_one(index)
        except DataError as error:
            return error.problem
        found = f"{image.shape[-1]}x{image.shape[-2]} where others are {shape[-1]}x{shape[-2]}"
        return image if tuple(image.shape) == shape else found

    return guarded


def fit_all(images: Tensor, resolution: int | None, channels: int | None, progress: Progress | None = None) -> Tensor:
    """Images of one size brought to another, as `images.fit` does: uint8 [N, C, H, W] -> uint8 [N, C', R, R]."""
    old = tuple(images.shape[1:])
    channels = channels or old[0]
    shape = (channels, resolution or old[1], resolution or old[2])
    if shape == old:
        return images
    names = [f"image {index}" for index in range(len(images))]
    fitted, _, _ = decode_all(lambda index: fit(as_pillow(images[index]), resolution, channels, WHITE), names, shape, progress)
    return fitted


def complaint(where: str, bad: Bad, total: int) -> str:
    """`photos/: 2 of 812 files cannot be used: notes.txt (not an image), a.jpg (truncated)`; long lists are cut short."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in bad:
        by_reason.setdefault(reason, []).append(name)
    groups = [f"{shortened(names, NAMES_SHOWN)} ({reason})" for reason, names in by_reason.items()]
    return f"{where}: {len(bad)} of {total} files cannot be used: {shortened(groups, REASONS_SHOWN)}"


def shortened(parts: Sequence[str], most: int) -> str:
    """The first `most` parts, and how many more there are."""
    more = [f"and {len(parts) - most} more"] if len(parts) > most else []
    return ", ".join([*parts[:most], *more])


def as_labels(values: Sequence[str]) -> tuple[Tensor, tuple[str, ...]]:
    """Class names to labels, numbers in the order of numbers and words in that of the alphabet: -> ([N] int64, K names).

    >>> as_labels(["10", "9", "10"])
    (tensor([1, 0, 1]), ('9', '10'))
    """
    names = tuple(sorted(set(values), key=_natural))
    order = {name: index for index, name in enumerate(names)}
    return torch.tensor([order[value] for value in values], dtype=torch.int64), names


def _natural(name: str) -> tuple[int, int, str]:
    """Sorts whole numbers by value and before all words."""
    return (0, int(name), name) if name.removeprefix("-").isdecimal() else (1, 0, name)
