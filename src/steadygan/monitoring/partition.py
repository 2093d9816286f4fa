"""Partition: the space of the data in cells, and histograms over them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

N_VALUES = 256  # of an example, at most, after pooling
N_ROUNDS = 25  # of Lloyd; it mostly settles in fewer
N_DRAWS = 400  # of which the floors are quantiles
PER_CELL = 8  # reference examples to a cell, on average: with fewer its share is noise
SPARE = 0.1  # of its fair share of examples: with no more than that a cell counts as lost
SEED = 20_180_531  # not the seed of the batch's own latents, or they would come twice


@dataclass(frozen=True)
class Partition:
    """Cells around centres, and how many examples of the reference each holds.

    Attributes:
        scale: [F], or [1] for images: what features are divided by.
        centres: [K, F] in divided features, float64.
        counts: [K] of the reference, float64.
    """

    scale: Tensor
    centres: Tensor
    counts: Tensor

    @classmethod
    def around(cls, reference: Tensor, k: int) -> "Partition | None":
        """At most k cells by k-means on the reference [N, ...]; None where it is too small, not finite, or all the same."""
        x = flattened(reference)
        spread = x.std(0, correction=0) if reference.dim() == 2 else x.new_ones(1)
        scale = rounded(torch.where(spread > 0, spread, 1.0))
        x = x / torch.tensor(scale, dtype=torch.float64)
        if len(x) < 2 * PER_CELL or not torch.isfinite(x).all():
            return None
        centres = [rounded(centre) for centre in kmeans(x, min(k, len(x) // PER_CELL))]
        empty = cls.of({"scale": scale, "centres": centres, "counts": [0] * len(centres)})
        counts = (empty.shares(x) * len(x)).round()
        return replace(empty, counts=counts) if len(centres) > 1 else None

    @classmethod
    def of(cls, notes: Mapping[str, Any]) -> "Partition":
        """The partition that `notes` came from."""
        return cls(*(torch.tensor(notes[name], dtype=torch.float64) for name in ("scale", "centres", "counts")))

    def notes(self) -> dict[str, Any]:
        """What JSON keeps exactly."""
        whole = self.counts.long().tolist()
        return {"scale": self.scale.tolist(), "centres": self.centres.tolist(), "counts": whole}

    @property
    def reference(self) -> Tensor:
        """The share of the reference in each cell: [K]."""
        return self.counts / self.counts.sum()

    def features(self, examples: Tensor) -> Tensor:
        """What distances are taken between: [N, ...] -> [N, F] float64 on the CPU."""
        return flattened(examples) / self.scale

    def shares(self, features: Tensor) -> Tensor:
        """The share of the examples in each cell: [N, F] -> [K]."""
        nearest = squared_distances(features, self.centres).argmin(1)
        return torch.bincount(nearest, minlength=len(self.centres)).double() / len(features)

    def floors(self, n: int) -> dict[str, float]:
        """What n examples of the data themselves give, in 95 of 100 draws: `js` and `churn` at most, `coverage` at least.

        Both sides of a comparison are drawn from the reference's shares, n examples and as many as the reference has: its own
        shares are those of a sample, too. For churn both sides are n.
        """
        random, p = np.random.default_rng(SEED), self.reference.numpy()
        drawn, other, whole = (
            torch.from_numpy(random.multinomial(size, p, N_DRAWS) / size) for size in (n, n, int(self.counts.sum()))
        )
        statistics = {"js": divergence(drawn, whole), "churn": variation(drawn, other), "coverage": -coverage(drawn, whole)}
        return {name: abs(values.quantile(0.95, interpolation="higher").item()) for name, values in statistics.items()}


def flattened(examples: Tensor) -> Tensor:
    """The values that distances are taken between: [N, ...] -> [N, F] float64 on the CPU."""
    return pooled(examples).flatten(1).double().cpu()


def pooled(examples: Tensor) -> Tensor:
    """Images by average pooling to at most `N_VALUES` values, where channels allow; points as they are: -> [N, ...].

    Clips count as images with a channel for each frame. Columns and rows that do not fill a window are left out.
    """
    if examples.dim() < 4:
        return examples
    images = examples.flatten(1, -3)
    channels, height, width = images.shape[1:]
    factor = next(f for f in range(1, height + width) if f >= max(height, width) or sized(channels, height, width, f))
    return F.avg_pool2d(images.float(), (min(factor, height), min(factor, width))) if factor > 1 else images.float()


def sized(channels: int, height: int, width: int, factor: int) -> bool:
    """Whether pooling by `factor` leaves few enough values."""
    return channels * max(height // factor, 1) * max(width // factor, 1) <= N_VALUES


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """[N, F], [M, F] -> [N, M], at least 0."""
    return (x.square().sum(1)[:, None] + y.square().sum(1) - 2 * x @ y.T).clamp_min(0)


def kmeans(x: Tensor, k: int) -> Tensor:
    """Centres of k-means after Lloyd, from a start drawn by k-means++ (Arthur & Vassilvitskii 2007): [N, F] -> [K, F].

    The same x gives the same centres. K is below k where x has fewer distinct rows.
    """
    centres = spread_start(x, k)
    for _ in range(N_ROUNDS):
        members = F.one_hot(squared_distances(x, centres).argmin(1), len(centres)).to(x)
        sizes = members.sum(0)
        moved = (members.T @ x)[sizes > 0] / sizes[sizes > 0, None]
        if moved.shape == centres.shape and torch.equal(moved, centres):
            break
        centres = moved
    return centres


def spread_start(x: Tensor, k: int) -> Tensor:
    """At most k rows, each drawn with a chance that grows with its squared distance from those before: [N, F] -> [K, F]."""
    random = torch.Generator().manual_seed(SEED)
    chosen = [int(torch.randint(len(x), (1,), generator=random))]
    distances = (x - x[chosen[0]]).square().sum(1)
    while len(chosen) < k and distances.sum() > 0:
        chosen.append(int(torch.multinomial(distances, 1, generator=random)))
        distances = torch.minimum(distances, (x - x[chosen[-1]]).square().sum(1))
    return x[chosen]


def rounded(values: Tensor) -> list[float]:
    """Numbers to six digits: short in a checkpoint, and the same when it is read."""
    return [float(f"{value:.6g}") for value in values.tolist()]


def divergence(p: Tensor, q: Tensor) -> Tensor:
    """Jensen-Shannon divergence in nats, 0 to log 2: [..., K], [..., K] -> [...].

    >>> divergence(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]))
    tensor(0.6931)
    """
    gained: Tensor = torch.special.entr((p + q) / 2) - (torch.special.entr(p) + torch.special.entr(q)) / 2
    return gained.sum(-1).clamp_min(0)


def variation(p: Tensor, q: Tensor) -> Tensor:
    """Total variation: the share that has to move to make one of the other, 0 to 1: [..., K], [..., K] -> [...]."""
    return (p - q).abs().sum(-1) / 2


def coverage(shares: Tensor, fair: Tensor) -> Tensor:
    """The share of the cells that hold more than a tenth of their fair share: [..., K], [..., K] -> [...]."""
    return (shares > SPARE * fair).double().mean(-1)
