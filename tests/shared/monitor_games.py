"""Games that monitors are shown, and what is read of a monitor."""

from itertools import chain

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm as torchs

from steadygan.monitor import Monitor


def players(normalize=torchs):
    """A generator, [B, 4] -> [B, 12], and a discriminator, with all that has a state: buffers, modes, random numbers."""
    generator = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 12))
    layers = [normalize(nn.Linear(12, 8)), nn.BatchNorm1d(8), nn.LeakyReLU(0.2), nn.Dropout(0.3), normalize(nn.Linear(8, 1))]
    return generator, nn.Sequential(*layers)


def fed(monitor, steps, n=32, **more):
    """Steps of a game that nobody plays."""
    for _ in range(steps):
        moved(monitor)
        given = {"real_logits": torch.randn(n, 1) + 1, "fake_logits": torch.randn(n, 1), "real": torch.randn(n, 6)}
        verdict = monitor.step(**{**given, "fake": torch.randn(n, 6), **more})
    return verdict


@torch.no_grad()
def moved(monitor):
    """The weights a little further: a player that stands still is a finding."""
    for parameter in chain(*monitor._reader.parameters.values()):
        parameter.add_(0.01)


def plain(out=None, every=2, **more):
    """A monitor of the smallest players, [B, 3] -> [B, 6] -> [B, 1]."""
    return Monitor(nn.Linear(3, 6), nn.Linear(6, 1), out, every=every, **more)


def watching(every, generator=None, discriminator=None, **more):
    """A monitor of these players; of those that are not given, the smallest."""
    players = (
        generator if generator is not None else nn.Linear(3, 2),
        discriminator if discriminator is not None else nn.Linear(2, 1),
    )
    return Monitor(*players, every=every, **more)


def last(monitor):
    """Its newest reading."""
    return list(monitor.history)[-1]


def close(reading, expected, names=("gap/mean", "gap/swing", "gap/chance", "wobble/logits")):
    """Float32 on one side, float64 on the other."""
    for name in names:
        assert reading[name] == pytest.approx(expected[name], rel=1e-4, abs=1e-6), name
