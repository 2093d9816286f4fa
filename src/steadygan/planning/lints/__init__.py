"""Lints: known ways to go wrong that can be seen before the first step. They are messages, never alarms."""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from steadygan.config import Config
from steadygan.data.source import Dataset
from steadygan.planning.lints.base import Lint, Setup
from steadygan.planning.lints.networks import NETWORK_LINTS
from steadygan.planning.lints.outputs import OUTPUT_LINTS
from steadygan.planning.lints.settings import CONFIG_LINTS

__all__ = ["CONFIG_LINTS", "NETWORK_LINTS", "OUTPUT_LINTS", "Lint", "Setup", "lint"]


def lint(setup: Setup, config: Config | None = None, dataset: Dataset | None = None) -> tuple[Lint, ...]:
    """What is known to go wrong with this setup. Leaves no trace in it and never raises: a lint that fails says nothing.

    Args:
        setup: the players and what is known of their training.
        config: without it, only what the networks themselves show.
        dataset: the examples that are trained on.

    >>> from torch import nn
    >>> from steadygan.game import Networks
    >>> found = lint(Setup(Networks(nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Linear(8, 1)))))
    >>> [each.name for each in found]
    ['batch_norm_in_discriminator']
    """
    found = heard(check(setup) for check in (*NETWORK_LINTS, *OUTPUT_LINTS))
    if config is not None and dataset is not None:
        found += heard(check(setup, config, dataset) for check in CONFIG_LINTS)
    return tuple(found)


def heard(checks: Iterable[Iterator[Lint]]) -> list[Lint]:
    """What the checks say; whatever breaks in one, as in a stranger's network, costs that one only."""
    found: list[Lint] = []
    for check in checks:
        with suppress(Exception):
            found += list(check)
    return found
