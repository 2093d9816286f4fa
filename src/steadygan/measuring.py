"""Measuring a game that is being played: running means of what each step left behind, and the probes on a fixed batch."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from steadygan.data.source import Dataset
from steadygan.data.streams import Stream
from steadygan.game import Batch
from steadygan.monitoring.base import Probe
from steadygan.training.loop import State
from steadygan.training.step import Readings


@dataclass
class Meter:
    """Means of named scalars since the last reading. Sums stay on the device until they are read."""

    sums: dict[str, Tensor] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, readings: Readings) -> None:
        """Take in one step."""
        for name, value in readings.items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value
            self.counts[name] = self.counts.get(name, 0) + 1

    def read(self) -> dict[str, float]:
        """The means, and a new start."""
        means = {name: total / self.counts[name] for name, total in self.totals().items()}
        self.sums, self.counts = {}, {}
        return means

    def totals(self) -> dict[str, float]:
        """The sums as numbers, in one copy to the host."""
        return dict(zip(self.sums, torch.stack(list(self.sums.values())).tolist(), strict=True)) if self.sums else {}

    def notes(self) -> dict[str, list[float]]:
        """What a checkpoint keeps: name -> [sum, count]. Floats survive JSON bit for bit."""
        return {name: [total, self.counts[name]] for name, total in self.totals().items()}

    @classmethod
    def of(cls, notes: Mapping[str, Sequence[float]], device: torch.device) -> "Meter":
        """The meter that `notes` came from."""
        sums = {name: torch.tensor(total, dtype=torch.float32, device=device) for name, (total, _) in notes.items()}
        return cls(sums, {name: int(count) for name, (_, count) in notes.items()})


class Gauge:
    """The probes, on the same reals, held-out reals and latents at every reading.

    Args:
        probes: what to measure.
        stream: of the training data, for the reals.
        heldout: examples that are never trained on, or None.
        n: how many of each.
    """

    def __init__(self, probes: Sequence[Probe], stream: Stream, heldout: Dataset | None, n: int) -> None:
        self.probes = probes
        n = min(n, len(stream.dataset))
        self.real, self.label = stream.take(torch.arange(len(stream.dataset))[:: max(len(stream.dataset) // n, 1)][:n])
        self.heldout, self.heldout_label = None, None
        if heldout is not None:
            unseen = Stream(heldout, 1, device=stream.device)
            self.heldout, self.heldout_label = unseen.take(torch.arange(len(heldout))[:n])

    @torch.no_grad()
    def batch(self, state: State) -> Batch:
        """Real, held-out and fake examples; the fakes come from the generator as it trains, with the labels of the reals."""
        n, seed = len(self.real), 20_180_216
        z = torch.randn(n, state.z_dim, generator=torch.Generator().manual_seed(seed)).to(state.device)
        with untouched(state.networks.generator):
            fake = state.networks.generator(z, self.label).float()
        random = torch.Generator(state.device).manual_seed(seed)
        seen = (self.real, fake, self.label, self.label, state.step, random)
        return Batch(*seen, heldout=self.heldout, heldout_label=self.heldout_label, z=z)

    def read(self, state: State) -> dict[str, float]:
        """All readings by name."""
        batch = self.batch(state)
        return {name: value for probe in self.probes for name, value in probe.measure(state.networks, batch).items()}


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
