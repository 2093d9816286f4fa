"""What `steadygan.Monitor` costs a loop that somebody else wrote, against what it says that it costs.

    python benchmarks/monitor.py [--seconds 60] [--device cpu] [--only toy]

Each of three games is played twice in one process on one thread: once bare, once with the monitor's three lines (logits,
images and losses given, a run directory written). Both copies start alike and see the same data, in turns of 50 steps, so one
reading each, in random order. Compared is processor time (on a GPU the clock, with all of its work done). The ratio is that of
the sums over all turns, for decompositions of the weights come rarely and must be in it; beside it the median over the turns
with its quartiles, and `null`: the same ratio for a third copy that is not watched, which is the error of this measurement.
"""

import argparse
import copy
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from overhead import clock
from protocol import write
from torch import nn
from torch.nn.functional import softplus
from torch.nn.utils.parametrizations import spectral_norm

from steadygan import Monitor


@dataclass(frozen=True)
class Setting:
    width: int
    batch: int


TURN = 50  # steps
SETTINGS = {"toy": Setting(64, 128), "dcgan-16": Setting(16, 8), "dcgan-64": Setting(64, 16)}


def networks(name: str, width: int) -> tuple[nn.Module, nn.Module, tuple[int, ...]]:
    """Generator and discriminator, and the shape of z."""
    if name == "toy":
        act, g, d = nn.LeakyReLU(0.2), (16, width, width, 2), (2, width, width, 1)
        players = [nn.Sequential(*(layer for a, b in pairwise(n) for layer in (nn.Linear(a, b), act))) for n in (g, d)]
        return players[0][:-1], normalized(players[1][:-1]), (16,)
    up = [nn.ConvTranspose2d(64, 4 * width, 4), nn.BatchNorm2d(4 * width), nn.ReLU()]
    down: list[nn.Module] = []
    for a, b in ((4, 2), (2, 1), (1, 0)):
        out, last = (b * width or 3), b == 0
        up += [nn.ConvTranspose2d(a * width, out, 4, 2, 1), *([nn.Tanh()] if last else [nn.BatchNorm2d(out), nn.ReLU()])]
        down = [nn.Conv2d(out, a * width, 4, 2, 1), nn.LeakyReLU(0.2), *down]
    return nn.Sequential(*up), normalized(nn.Sequential(*down, nn.Conv2d(4 * width, 1, 4))), (64, 1, 1)


def normalized(network: nn.Module) -> nn.Module:
    for layer in network:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            spectral_norm(layer)
    return network


class Watch:
    """A stopped watch that runs during one's own turns: the monitor must not take the other copies' time for its loop's."""

    def __init__(self) -> None:
        self.before, self.started = 0.0, time.perf_counter()

    def __call__(self) -> float:
        return self.before + time.perf_counter() - self.started

    def go(self) -> None:
        self.started = time.perf_counter()

    def stop(self) -> None:
        self.before = self()


def play(name: str, players: tuple, watched: bool, device: torch.device) -> Iterator[Monitor | None]:
    """A plain loop; yields after each step."""
    setting, (generator, discriminator, z_shape) = SETTINGS[name], copy.deepcopy(players)
    of_g, of_d = (torch.optim.Adam(each.parameters(), 2e-4, (0.5, 0.999)) for each in (generator, discriminator))
    random = torch.Generator(device).manual_seed(0)
    shape = (setting.batch, *((2,) if name == "toy" else (3, 32, 32)))
    data = torch.rand((64, *shape), generator=random, device=device) * 2 - 1
    monitor = Monitor(generator, discriminator, Path(tempfile.mkdtemp()) / "run") if watched else None
    watch = Watch()
    if monitor:
        monitor._account.clock = watch
    for step in range(10**9):
        real = data[step % 64]
        fake = generator(torch.randn((setting.batch, *z_shape), generator=random, device=device))
        real_logits, fake_logits = discriminator(real), discriminator(fake.detach())
        loss_d = softplus(-real_logits).mean() + softplus(fake_logits).mean()
        of_d.zero_grad()
        loss_d.backward()
        of_d.step()
        loss_g = softplus(-discriminator(fake)).mean()
        of_g.zero_grad()
        loss_g.backward()
        of_g.step()
        if monitor:
            monitor.step(
                real_logits=real_logits,
                fake_logits=fake_logits,
                fake=fake,
                real=real,
                scalars={"loss/discriminator": loss_d, "loss/generator": loss_g},
            )
        watch.stop()
        yield monitor
        watch.go()


def turn(loop: Iterator[Monitor | None], device: torch.device) -> tuple[float, Monitor | None]:
    """Seconds of one turn."""
    before = clock(device)
    for _ in range(TURN):
        monitor = next(loop)
    return clock(device) - before, monitor


def compare(name: str, seconds: float, device: torch.device) -> dict[str, object]:
    """Bare, watched, and bare once more."""
    torch.manual_seed(0)
    generator, discriminator, z_shape = networks(name, SETTINGS[name].width)
    players = (generator.to(device), discriminator.to(device), z_shape)
    loops = [play(name, players, watched, device) for watched in (False, True, False)]
    for loop in loops:
        turn(loop, device)  # warm up
    taken: list[list[float]] = [[], [], []]
    start = time.perf_counter()
    while time.perf_counter() - start < seconds or len(taken[0]) < 4:
        for which in random.sample(range(3), 3):
            taken[which].append(turn(loops[which], device)[0])
    return told(name, taken, turn(loops[1], device)[1])


def told(name: str, taken: list[list[float]], watched: Any) -> dict[str, object]:
    """The row of one game; printed too."""
    bare, ours, again = taken
    low, middle, high = statistics.quantiles([b / a for a, b in zip(bare, ours, strict=True)], n=4)
    sigmas = watched.history.names("sigma/")
    row = {"game": name, **vars(SETTINGS[name]), "turns": len(bare), "bare_ms": 1000 * statistics.median(bare) / TURN}
    row |= {"ratio": 2 * sum(ours) / (sum(bare) + sum(again)), "low": low, "median": middle, "high": high}
    row |= {"null": sum(again) / sum(bare), "said": watched.cost, "readings": len(watched.history)}
    row |= {"spectra": len(watched.history.steps(sigmas[0])) if sigmas else 0}
    print("  ".join(f"{key} {value:.3f}" if isinstance(value, float) else f"{key} {value}" for key, value in row.items()))
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="for each game")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", choices=SETTINGS)
    options = parser.parse_args()
    names = [options.only] if options.only else list(SETTINGS)
    rows = [compare(name, options.seconds, torch.device(options.device)) for name in names]
    if not options.only:
        write("monitor", __doc__ or "", rows)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
