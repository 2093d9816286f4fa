"""Measuring a game that is being played: what each step left behind, and the probes on a fixed batch."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from steadygan.data.source import Dataset
from steadygan.data.streams import Stream
from steadygan.game import Batch
from steadygan.monitoring.base import Probe
from steadygan.monitoring.throttle import ALL, Throttle
from steadygan.monitoring.updates import Updates
from steadygan.monitoring.wobble import gap_readings
from steadygan.training.loop import Record, State
from steadygan.training.precision import FLOAT32, Precision
from steadygan.training.step import Readings

TRACED = "gap/mean"  # kept step by step, for its swing
SEED = 20_180_216  # of whatever is drawn once, and alike in all runs
N_REFERENCE = 2048  # reals that samples are held against


@dataclass
class Meter:
    """Means of named scalars since the last reading. Sums stay on the device until they are read."""

    sums: dict[str, Tensor] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    trace: list[Tensor] = field(default_factory=list)

    def add(self, readings: Readings) -> None:
        """Take in one step."""
        for name, value in readings.items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value
            self.counts[name] = self.counts.get(name, 0) + 1
        if TRACED in readings:
            self.trace.append(readings[TRACED])

    def read(self) -> dict[str, float]:
        """The means, what the swings of the logit gap say, and a new start."""
        means = {name: total / self.counts[name] for name, total in self.totals().items()}
        chance = means.pop("gap/chance", float("nan"))
        means |= gap_readings(np.array(self.traced()), chance)
        self.sums, self.counts, self.trace = {}, {}, []
        return means

    def totals(self) -> dict[str, float]:
        """The sums as numbers, in one copy to the host."""
        return dict(zip(self.sums, torch.stack(list(self.sums.values())).tolist(), strict=True)) if self.sums else {}

    def traced(self) -> list[float]:
        """The logit gap of each step."""
        found: list[float] = torch.stack(self.trace).tolist() if self.trace else []
        return found

    def notes(self) -> dict[str, Any]:
        """What a checkpoint keeps: name -> [sum, count], and the trace. Floats survive JSON bit for bit."""
        sums = {name: [total, self.counts[name]] for name, total in self.totals().items()}
        return {"sums": sums, "trace": self.traced()}

    @classmethod
    def of(cls, notes: Mapping[str, Any], device: torch.device) -> "Meter":
        """The meter that `notes` came from."""
        sums: Mapping[str, Sequence[float]] = notes.get("sums", {})
        totals = {name: torch.tensor(total, dtype=torch.float32, device=device) for name, (total, _) in sums.items()}
        trace = torch.tensor(notes.get("trace", []), dtype=torch.float32, device=device)
        return cls(totals, {name: int(count) for name, (_, count) in sums.items()}, list(trace.unbind()))


class Gauge:
    """The probes, on the same reals, held-out reals and latents at every reading.

    Args:
        probes: what to measure.
        stream: of the training data, for the reals.
        heldout: examples that are never trained on, or None.
        n: how many of each.
        memory: of the probes, from one reading to the next.
        precision: of training.
    """

    def __init__(
        self,
        probes: Sequence[Probe],
        stream: Stream,
        heldout: Dataset | None,
        n: int,
        memory: dict[str, Any] | None = None,
        precision: Precision = FLOAT32,
    ) -> None:
        self.probes, self.stream, self.memory, self.precision = probes, stream, memory or {}, precision
        self.made: dict[str, Any] = {}
        self.real, self.label = stream.take(drawn(len(stream.dataset), n))
        self.reference, self.reference_label = stream.take(drawn(len(stream.dataset), N_REFERENCE))
        self.heldout, self.heldout_label = None, None
        if heldout is not None:
            unseen = Stream(heldout, 1, device=stream.device)
            self.heldout, self.heldout_label = unseen.take(torch.arange(len(heldout))[:n])

    @torch.no_grad()
    def batch(self, state: State) -> Batch:
        """Real, held-out and fake examples; the fakes come from the generator as it trains, with the labels of the reals."""
        n, seed = len(self.real), SEED
        z = torch.randn(n, state.z_dim, generator=torch.Generator().manual_seed(seed)).to(state.device)
        with untouched(state.networks.generator):
            fake = state.networks.generator(z, self.label).float()
        averaged, (live, live_label) = state.average.generator(z, self.label).float(), self.live(state)
        random = torch.Generator(state.device).manual_seed(seed)
        seen = (self.real, fake, self.label, self.label, state.step, random)
        known = (self.reference, self.memory, self.reference_label, live_label, self.made)
        return Batch(*seen, self.heldout, z, self.heldout_label, averaged, live, *known)

    def live(self, state: State) -> tuple[Tensor, Tensor | None]:
        """The examples that training was given last with their classes, as many as `real` where it has seen that many."""
        n, size = len(self.real), self.stream.batch_size
        newest = range(max(state.dealt - -(-n // size), 0), state.dealt)
        images, labels = zip(*map(self.stream.batch, newest), strict=True) if newest else ((self.real[:0],), (None,))
        known = [label for label in labels if label is not None]
        return torch.cat(images)[-n:], torch.cat(known)[-n:] if known else None

    def read(self, state: State, throttle: Throttle | None = None, number: int = 0) -> dict[str, float]:
        """All readings by name; with a throttle those of the probes that are due at reading `number`."""
        readings: dict[str, float] = {}
        with throttle.paying(ALL) if throttle else nullcontext(), self.precision.autocast(state.device):
            batch = self.batch(state)
        for probe in self.probes:
            if throttle is None or throttle.due(probe.name, number):
                precision = FLOAT32 if probe.full_precision else self.precision
                with throttle.paying(probe.name) if throttle else nullcontext(), precision.autocast(state.device):
                    readings |= probe.measure(state.networks, batch)
        return readings


def drawn(whole: int, n: int) -> Tensor:
    """At most n of `whole` indices, drawn always alike: -> [min(n, whole)] int64. An even spacing would fall in step with data
    that comes in the order of its classes."""
    return torch.randperm(whole, generator=torch.Generator().manual_seed(SEED))[:n].sort().values


class Measurement:
    """Everything that is read of a game: running means and updates from its steps, and the probes now and then.

    Args:
        gauge: the probes.
        state: of the game.
        every: steps from one reading to the next.
        notes: of the checkpoint it goes on from, or none.
        budget: of the probes, in seconds for each second between readings; None reads all of them at every reading.
    """

    def __init__(
        self, gauge: Gauge, state: State, every: int, notes: Mapping[str, Any] | None = None, budget: float | None = None
    ) -> None:
        notes = notes or {}
        self.gauge, self.every = gauge, every
        self.throttle = None if budget is None else Throttle(budget, notes.get("throttle"))
        self.meter = Meter.of(notes.get("meter", {}), state.device)
        networks, optimizers = state.networks, state.optimizers
        self.updates = {
            "discriminator": Updates(networks.discriminator, optimizers[0]),
            "generator": Updates(networks.generator, optimizers[1]),
        }
        for player, snapshots in notes.get("updates", {}).items():
            self.updates[player].restore(snapshots)

    def add(self, record: Record) -> None:
        """Take in one step."""
        self.meter.add(record.readings)
        for updates in self.updates.values():
            updates.look(-record.step % self.every)

    def read(self, state: State) -> dict[str, float]:
        """All readings by name."""
        moved = [updates.read(player) for player, updates in self.updates.items()]
        return {**self.meter.read(), **moved[0], **moved[1], **self.probed(state)}

    def probed(self, state: State) -> dict[str, float]:
        """What the probes read, as far as their budget goes."""
        if self.throttle is None:
            return self.gauge.read(state)
        with self.throttle.reading(state.device):
            return self.gauge.read(state, self.throttle, state.step // self.every)

    def news(self) -> str:
        """That probes are read less often, in a line and once; mostly ""."""
        return self.throttle.news() if self.throttle else ""

    def notes(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        updates = {player: one.notes() for player, one in self.updates.items()}
        throttle = {"throttle": self.throttle.notes()} if self.throttle else {}
        return {"meter": self.meter.notes(), "updates": updates, "memory": self.gauge.memory, **throttle}


@contextmanager
def untouched(network: nn.Module) -> Iterator[None]:
    """Within it, buffers may change; afterwards they are what they were. Running statistics do not see a monitoring batch."""
    before = [(buffer, buffer.clone()) for buffer in network.buffers()]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, value in before:
                buffer.copy_(value)
