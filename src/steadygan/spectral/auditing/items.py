"""Rows in the making: each knows how to read its matrices, and is measured when its turn comes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from steadygan.spectral.auditing.coverage import Coverage
from steadygan.spectral.auditing.decomposition import methods_for, spectrum_of
from steadygan.spectral.auditing.findings import Row, row_of

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Item:
    """One weight, or one of its blocks that are maps of their own, or a layer without a matrix.

    Attributes:
        label, kind, shape, coverage: what goes into the row; `index` is the block's place in the coverage.
        read: the weight as it is used: -> [G, M, N]; None without a matrix. Called anew each time: no copies pile up.
    """

    label: str
    kind: str
    shape: tuple[int, ...]
    coverage: Coverage
    index: int = 0
    read: Callable[[], Tensor] | None = None

    def size(self) -> tuple[int, int, int]:
        """(G, M, N); zeros without a matrix."""
        if self.read is None:
            return (0, 0, 0)
        groups, rows, columns = self.read().shape
        return (groups, rows, columns)


class Count:
    """Tells how many of how many measurements are done."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self.progress, self.total, self.done = progress, total, 0

    def __call__(self) -> None:
        """One more."""
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, self.total)


@torch.no_grad()
def measured(items: Sequence[Item], budget: float, count: Count) -> list[Row]:
    """Each item's row, with its spectrum."""
    rows = []
    for item, method in zip(items, methods_for([item.size() for item in items], budget), strict=True):
        spectrum = None if item.read is None else spectrum_of(item.read(), method)
        rows.append(row_of(item.label, item.kind, item.shape, item.coverage, item.index, spectrum))
        count()
    return rows
