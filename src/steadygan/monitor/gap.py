"""The gap between real and fake logits at each step, from the logits that the steps of a window left behind."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from steadygan.monitoring.wobble import gap_readings

Floats = NDArray[np.float64]


class Batches:
    """The logits of one side: all together, with the step and the size of each batch.

    Args:
        steps: T different numbers of the steps at which a batch was given, in their order.
        sizes: of the batches, at least 1.
        logits: [N], one batch after the other.

    Attributes:
        mean: of each batch, [T].
        chance: the variance that the mean has by chance, [T]: the variance within the batch over n - 1; NaN for a batch of one.
    """

    def __init__(self, steps: Sequence[int], sizes: Sequence[int], logits: Floats) -> None:
        self.steps, self.sizes = np.array(steps, dtype=np.int64), np.array(sizes, dtype=np.int64)
        starts = np.cumsum(self.sizes) - self.sizes
        with np.errstate(all="ignore"):
            self.mean = np.add.reduceat(logits, starts) / self.sizes
            squares = (logits - np.repeat(self.mean, self.sizes)) ** 2
            self.chance = np.add.reduceat(squares, starts) / self.sizes / (self.sizes - 1)


def gap_of(real: Batches, fake: Batches) -> dict[str, float]:
    """`gap/mean` over the steps that gave both sides, and what its swings say; the readings by name.

    A batch of one sample does not tell how far its mean is off by chance: such steps count in `gap/mean` only.
    """
    of_real, of_fake = np.isin(real.steps, fake.steps), np.isin(fake.steps, real.steps)
    if not of_real.any():
        return {}
    with np.errstate(all="ignore"):
        gap, chance = real.mean[of_real] - fake.mean[of_fake], real.chance[of_real] + fake.chance[of_fake]
        several = (real.sizes[of_real] > 1) & (fake.sizes[of_fake] > 1)
        swings = gap_readings(gap[several], chance[several].mean()) if several.any() else {}
    return {"gap/mean": float(gap.mean()), **swings}
