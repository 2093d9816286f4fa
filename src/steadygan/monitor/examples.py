"""Examples, real and fake, as far as readings need them: few, and little of each."""

from collections.abc import Callable

import torch
from torch import Tensor

from steadygan.errors import UsageError
from steadygan.monitoring.partition import pooled

N_VALUES = 4096  # of each example, evenly spaced: enough for distances, and little to keep
N_REFERENCE = 512  # the first reals, that later ones and fakes are held against


class Newest:
    """The newest `n` examples of a window, copied, each as `view` leaves it.

    Args:
        n: how many a reading looks at.
        view: [B, ...] -> [B, ...], without waiting for a device.
    """

    def __init__(self, n: int, view: Callable[[Tensor], Tensor]) -> None:
        self.n, self.view = n, view
        self.batches: list[Tensor] = []

    def add(self, examples: Tensor, left: int) -> None:
        """Take in a batch, `left` steps before the reading: only such as the reading will look at, and the first one of a
        window, for it may be the only one."""
        if not self.batches or left * examples.shape[0] < self.n:
            self.batches.append(self.view(examples[: self.n]).clone())

    def read(self) -> Tensor | None:
        """At most `n` of them; None where there is none."""
        return torch.cat(self.batches)[-self.n :] if self.batches else None


class Reference:
    """The first `N_REFERENCE` real examples of a session, pooled."""

    def __init__(self) -> None:
        self.batches: list[Tensor] = []
        self.missing = N_REFERENCE

    def add(self, examples: Tensor) -> None:
        """Take in a batch, as far as it is needed; one of another shape begins anew."""
        batch = small(examples[: self.missing]).clone()
        if self.batches and batch.shape[1:] != self.batches[0].shape[1:]:
            self.batches, self.missing = [], N_REFERENCE
        self.batches.append(batch)
        self.missing = max(self.missing - len(batch), 0)

    def read(self) -> Tensor | None:
        """All of them [N, ...]; None while some are missing."""
        if self.missing:
            return None
        self.batches = [torch.cat(self.batches)]
        return self.batches[0]


def thinned(examples: Tensor) -> Tensor:
    """At most `N_VALUES` values of each: [B, ...] -> [B, D]."""
    values = examples.flatten(1)
    return values[:, :: stride(values.shape[1])]


def small(examples: Tensor) -> Tensor:
    """What cells of the data are made of: images pooled, all else thinned; the number of axes stays, for it tells images."""
    return pooled(examples) if examples.dim() > 3 else thinned(examples).view(len(examples), *[1] * (examples.dim() - 2), -1)


def stride(n: int) -> int:
    """The step that leaves at most `N_VALUES` of n; odd, so that it does not run along the columns of an image.

    >>> stride(3 * 32 * 32), stride(3 * 64 * 64), stride(3 * 1024 * 1024)
    (1, 3, 769)
    """
    return -(-n // N_VALUES) | 1


def checked(name: str, value: object) -> Tensor:
    """The same tensor [B, ...]."""
    if not isinstance(value, Tensor) or value.dim() < 2 or value.numel() == 0:
        hint = "give the batch that the discriminator sees"
        raise UsageError(f"monitor.step: {name} must be one tensor of examples [B, ...], got {kind(value)}", hint)
    return value


def kind(value: object) -> str:
    """What somebody gave, in a few words."""
    return f"a tensor {list(value.shape)} of {value.dtype}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
