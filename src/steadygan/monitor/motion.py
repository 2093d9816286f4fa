"""Motion: how a player moves, seen from its weights in the last steps before each reading."""

from collections.abc import Sequence
from operator import is_

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from steadygan.monitor.wrapped import refuse_sharded
from steadygan.monitoring.updates import Updates


class Motion:
    """The updates of one player, from window to window.

    Args:
        network: the player, without wrappers.
        optimizer: where it is known.
    """

    def __init__(self, network: nn.Module, optimizer: Optimizer | None) -> None:
        self.network, self.optimizer = network, optimizer
        self.parameters: list[nn.Parameter] = []
        self.forget()

    def forget(self) -> None:
        """What was seen so far has not been."""
        self.updates: Updates | None = None
        self.place: Tensor | None = None  # at the last reading

    def renew(self) -> list[nn.Parameter]:
        """Begin a new window; returns the parameters as they are now."""
        before, self.parameters = self.parameters, list(self.network.parameters())
        if not same(before, self.parameters):
            self.forget()
        return self.parameters

    def look(self, left: int) -> None:
        """After one of the last steps, `left` steps before the reading."""
        refuse_sharded(self.parameters)
        if self.updates is None:
            self.updates = Updates(self.network, self.optimizer)
        self.updates.look(left)

    def read(self, player: str) -> dict[str, float]:
        """The readings of `Updates`. A player that stood still in these steps, but not since the last reading, moves more
        seldom than in each step: it has no update norm, for that is no standstill."""
        if self.updates is None or not self.updates.snapshots:
            return {}
        before, self.place = self.place, self.updates.snapshots[-1]
        readings = self.updates.read(player)
        if readings.get(f"update_norm/{player}") == 0 and not (before is not None and torch.equal(before, self.place)):
            del readings[f"update_norm/{player}"]
        return readings


def same(some: Sequence[object], others: Sequence[object]) -> bool:
    """Whether both are the same objects in the same order."""
    return len(some) == len(others) and all(map(is_, some, others))
