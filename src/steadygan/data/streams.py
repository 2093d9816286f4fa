"""Stream: endless shuffled batches of a data set, where batch number i depends on the seed and on i alone.

Nothing has to be saved to go on after an interruption: ask for the next number.
"""

import torch
from torch import Tensor

from steadygan.data.source import Dataset
from steadygan.errors import ConfigError
from steadygan.images import from_uint8


class Stream:
    """Batches of a data set in an order shuffled anew for each epoch; a batch may span two epochs.

    Args:
        dataset: where they come from.
        batch_size: B, at most the number of examples.
        seed: of the order.
        device: where the batches go.
    """

    def __init__(self, dataset: Dataset, batch_size: int, seed: int = 0, device: torch.device | str = "cpu") -> None:
        if batch_size > len(dataset):
            raise ConfigError(
                f"batch_size: {batch_size} is more than the {len(dataset)} examples to train on", f"use at most {len(dataset)}"
            )
        self.dataset, self.batch_size, self.seed, self.device = dataset, batch_size, seed, torch.device(device)
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.int64)

    def batch(self, number: int) -> tuple[Tensor, Tensor | None]:
        """Batch `number`, from 0: (examples [B, C, H, W] float32 in [-1, 1], label [B] int64 or None)."""
        return self.take(self.indices(number))

    def indices(self, number: int) -> Tensor:
        """Which examples batch `number` holds: -> [B] int64."""
        first = number * self.batch_size
        epoch, start = divmod(first, len(self.dataset))
        chosen = self.order(epoch)[start : start + self.batch_size]
        missing = self.batch_size - len(chosen)
        return torch.cat([chosen, self.order(epoch + 1)[:missing]]) if missing else chosen

    def order(self, epoch: int) -> Tensor:
        """The permutation of one epoch: -> [N] int64."""
        if epoch != self._epoch:
            random = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
            self._epoch, self._order = epoch, torch.randperm(len(self.dataset), generator=random)
        return self._order

    def take(self, indices: Tensor) -> tuple[Tensor, Tensor | None]:
        """The examples at `indices`, ready for the networks."""
        examples = in_range(self.dataset.examples[indices].to(self.device, non_blocking=True))
        labels = self.dataset.labels
        return examples, None if labels is None else labels[indices].to(self.device, non_blocking=True)


def in_range(examples: Tensor) -> Tensor:
    """Images uint8 become float32 in [-1, 1]; points stay as they are."""
    return from_uint8(examples) if examples.dtype == torch.uint8 else examples


def split(dataset: Dataset, n_heldout: int, seed: int = 0) -> tuple[Dataset, Dataset]:
    """(training part, held-out part) of a data set, by a shuffle of its own: N - n_heldout and n_heldout examples."""
    order = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(seed))
    return part(dataset, order[n_heldout:].sort().values), part(dataset, order[:n_heldout].sort().values)


def part(dataset: Dataset, indices: Tensor) -> Dataset:
    """The examples at `indices` as a data set of its own."""
    labels = None if dataset.labels is None else dataset.labels[indices]
    return Dataset(dataset.name, dataset.examples[indices], labels, dataset.class_names)
