"""Who is told of the steps of optimizers."""

import weakref
from functools import cache
from typing import Any, Protocol

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook


class Watcher(Protocol):
    """Somebody whom it concerns."""

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Called after every step of any optimizer."""


WATCHING: "weakref.WeakSet[Watcher]" = weakref.WeakSet()


def watch_optimizers(watcher: Watcher) -> None:
    """Tell `watcher` of every optimizer's step for as long as it lives.

    Fused optimizers write without a trace in a tensor's version, and compiled code cannot look at one. The hook stays: torch
    allows none to go away while hooks are called, which is when a watcher may be collected.
    """
    hook_once()
    WATCHING.add(watcher)


@cache
def hook_once() -> None:
    """Have torch call `tell` after every optimizer's step, from the first watcher on."""
    register_optimizer_step_post_hook(tell)


def tell(optimizer: torch.optim.Optimizer, *_: Any) -> None:
    """Tell every watcher."""
    for watcher in list(WATCHING):
        watcher.after_step(optimizer)
