"""Plays one run of the suite: a plain config, the product's own loop, measurement and probes, and a witness beside them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from configurations import EVERY, Configuration
from injections import INJECTIONS, Match, Tap
from numpy.typing import NDArray
from torch import Tensor
from witness import Witness
from worlds import world

from steadygan.assembly import Game, assemble, open_data
from steadygan.card.truth import SERIES, judged
from steadygan.data.source import Dataset
from steadygan.data.streams import part, split
from steadygan.measuring import Gauge, Measurement
from steadygan.run import GAUGE_N
from steadygan.training.loop import Record, train_steps

SUITE = 1  # raised whenever a run of the same name and seed would come out otherwise: older files are then made anew
AFTERMATH = 6  # readings after numbers are no longer finite


@dataclass(frozen=True)
class Played:
    """A run and its truth. `series` are what a judge may see: a mapping a reading; `truth` is [T, 8], `histogram` [T, K]."""

    series: list[dict[str, float]]
    truth: NDArray[np.float32]
    histogram: NDArray[np.uint16]
    meta: dict[str, Any]


def play(configuration: Configuration, seed: int, steps: int | None = None) -> Played:
    """One run, from start to end or to six readings after it is no longer finite."""
    match, witness, measurement = opened(configuration, seed)
    steps = steps or configuration.config.steps
    at = injection_step(configuration, seed, steps)
    series: list[dict[str, float]] = []
    seen: list[dict[str, float]] = []
    histograms: list[Tensor] = []
    for record in played(match, configuration.injection, at, steps):
        measurement.add(record)
        if record.step % EVERY:
            continue
        reading = {"step": float(record.step), **measurement.read(match.state)}
        rates = [optimizer.param_groups[0]["lr"] for optimizer in match.state.optimizers]
        series.append({**reading, "learning_rate/discriminator": rates[0], "learning_rate/generator": rates[1]})
        numbers, histogram = witness.look(match.state)
        seen.append(numbers)
        histograms.append(histogram)
        if sum(one["finite"] == 0 for one in seen) == AFTERMATH:
            break
    truth = np.array([[one[name] for name in SERIES] for one in seen], dtype=np.float32)
    counts = torch.stack(histograms).numpy().astype(np.uint16)
    return Played(series, truth, counts, meta(configuration, seed, at, series, truth))


def played(match: Match, injection: str, at: int | None, steps: int) -> Iterator[Record]:
    """The records of the whole run, with the injection at its step."""
    if at is not None:
        yield from train_steps(match.state, match.stream, match.method, at)
        INJECTIONS[injection].act(match)
    yield from train_steps(match.state, match.stream, match.method, steps)


def opened(configuration: Configuration, seed: int) -> tuple[Match, Witness, Measurement]:
    """Everything at its start. Seeds of different configurations have nothing in common."""
    config = configuration.config.with_(seed=configuration.seed(seed))
    game = assemble(config, open_data(config))
    training, heldout = parts(game, configuration.few)
    stream = Tap(training, config.batch_size, config.seed)
    match = Match(world(configuration.data), game.state, stream, game.method, torch.Generator().manual_seed(config.seed))
    witness = Witness(match.world, stream, game.state.n_classes)
    gauge = Gauge(config.monitoring.probes, stream, heldout, GAUGE_N)
    return match, witness, Measurement(gauge, game.state, EVERY)


def parts(game: Game, few: int) -> tuple[Dataset, Dataset | None]:
    """(what is trained on, what is not). A few examples are repeated until they fill batches, as loaders do."""
    if not few:
        return game.stream.dataset, game.heldout
    rest, heldout = split(game.dataset, 256, game.config.seed)
    return part(rest, torch.arange(few).repeat(-(-16 * game.config.batch_size // few))), heldout


def injection_step(configuration: Configuration, seed: int, steps: int) -> int | None:
    """Half way, give or take a tenth of the run; None where nothing is injected."""
    if not configuration.injection:
        return None
    random = torch.Generator().manual_seed(configuration.seed(seed))
    return round(steps * (0.45 + 0.1 * float(torch.rand(1, generator=random))))


def meta(
    configuration: Configuration, seed: int, at: int | None, series: list[dict[str, float]], truth: NDArray[np.float32]
) -> dict[str, Any]:
    """All that is known of a run beside its numbers."""
    steps = np.array([reading["step"] for reading in series], dtype=np.int64)
    told = judged(steps, {name: truth[:, i].astype(np.float64) for i, name in enumerate(SERIES)})
    cause = (*configuration.right, *(INJECTIONS[configuration.injection].right if at is not None else ()))
    names = {"name": configuration.name, "data": configuration.data, "method": configuration.method, "part": configuration.part}
    what = {"injection": configuration.injection, "injected": at, "few": configuration.few, "cause": list(cause)}
    return {"suite": SUITE, **names, "seed": seed, **what, "truth": told.plain(), "config": configuration.config.mapping()}
