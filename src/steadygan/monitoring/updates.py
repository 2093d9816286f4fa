"""Updates: how far each player moves in a step, and whether it goes on in the direction of the step before."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

PER_WEIGHT = 512  # entries that are looked at of each weight, evenly spaced
KEPT = 4  # snapshots of a reading: three updates, two angles


class Updates:
    """Looks at some entries of every weight after each of the last steps before a reading.

    A weight with k times as many entries as are looked at counts k-fold, so that norms and angles are estimates of those of
    the whole network, at the cost of copying a few thousand numbers in four steps a reading.

    Args:
        network: the player.
        optimizer: its momentum says how much of a cosine is memory; without it there is no coherence.
    """

    def __init__(self, network: nn.Module, optimizer: Optimizer | None = None) -> None:
        self.parameters = [parameter for parameter in network.parameters() if parameter.numel()]
        self.strides = [max(1, parameter.numel() // PER_WEIGHT) for parameter in self.parameters]
        self.optimizer = optimizer
        self.snapshots: list[Tensor] = []
        self._scale: Tensor | None = None

    @torch.no_grad()
    def look(self, left: int) -> None:
        """Called after each step, `left` steps before the reading."""
        if left < KEPT and self.parameters:
            self.snapshots.append(torch.cat([some(*pair) for pair in zip(self.parameters, self.strides, strict=True)]))

    @torch.no_grad()
    def read(self, player: str) -> dict[str, float]:
        """The readings since the last one, and a new start; none from fewer than two snapshots in a row.

        `update_norm` is the length of an update, `weight_norm` that of all weights. `update_cosine` is the cosine between an
        update and the next, `update_coherence` what is left of it when the optimizer's memory is taken off:
        (cosine - beta1) / (1 - beta1), about 0 for updates that know nothing of one another, near 1 for a player that runs;
        left out where the optimizer, and so beta1, is not known.
        """
        snapshots, self.snapshots = self.snapshots[-KEPT:], []
        if len(snapshots) < 2:
            return {}
        places = torch.stack(snapshots).double() * self.scale.to(snapshots[0].device)
        moves = places.diff(dim=0)
        lengths = moves.norm(dim=1)
        cosines = (moves[1:] * moves[:-1]).sum(1) / (lengths[1:] * lengths[:-1])
        length, size, cosine = torch.stack([lengths.square().mean().sqrt(), places[-1].norm(), cosines.mean()]).tolist()
        readings = {f"update_norm/{player}": length, f"weight_norm/{player}": size}
        if not math.isfinite(cosine):
            return readings
        readings[f"update_cosine/{player}"] = cosine
        if self.optimizer is None:
            return readings
        memory = momentum(self.optimizer)
        return {**readings, f"update_coherence/{player}": (cosine - memory) / (1 - memory)}

    @property
    def scale(self) -> Tensor:
        """The square root of how many entries each of the looked at stands for: [n]."""
        if self._scale is None:
            pairs = zip(self.parameters, self.strides, strict=True)
            counts = [(parameter.numel(), -(-parameter.numel() // stride)) for parameter, stride in pairs]
            self._scale = torch.cat([torch.full((n,), (whole / n) ** 0.5, dtype=torch.float64) for whole, n in counts])
        return self._scale

    def notes(self) -> list[list[float]]:
        """What a checkpoint between the snapshots of one reading keeps; mostly nothing."""
        return [snapshot.tolist() for snapshot in self.snapshots]

    def restore(self, notes: Sequence[Sequence[float]]) -> None:
        """Take in what `notes` gave."""
        device = self.parameters[0].device if self.parameters else None
        self.snapshots = [torch.tensor(snapshot, dtype=torch.float32, device=device) for snapshot in notes]


def some(weight: Tensor, stride: int) -> Tensor:
    """Every stride-th entry, without a gradient: -> [n] float32."""
    entries = weight.flatten()
    return (entries[::stride] if stride > 1 else entries).float()


def momentum(optimizer: Optimizer) -> float:
    """How much of its last update an optimizer carries into the next: beta1, or momentum; 0 where it has neither."""
    settings: Mapping[str, Any] = optimizer.param_groups[0]
    return float(settings["betas"][0] if "betas" in settings else settings.get("momentum", 0.0))
