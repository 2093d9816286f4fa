"""The training loop, as a generator of records. It writes nothing, judges nothing and calls nobody back."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.optim import Optimizer

from steadygan.data.streams import Stream
from steadygan.game import Batch, Networks
from steadygan.training.ema import MovingAverage
from steadygan.training.optimizers import Schedule
from steadygan.training.step import Method, Readings, discriminator_step, generator_step


@dataclass
class State:
    """All that changes while the game is played, and so all that a checkpoint holds.

    Attributes:
        networks: both players, on their device, in training mode.
        average: the moving average of the generator: what samples are drawn from.
        optimizers: of the discriminator and of the generator.
        schedules: the learning rate of each at any step.
        latent: the source of z and of fake labels; `random`: of every draw of stabilizers and augmentations.
        z_dim, n_classes: what the generator takes; 0 classes without labels.
        step: generator updates so far; `dealt`: batches of real images so far.
    """

    networks: Networks
    average: MovingAverage
    optimizers: tuple[Optimizer, Optimizer]
    schedules: tuple[Schedule, Schedule]
    latent: torch.Generator
    random: torch.Generator
    z_dim: int
    n_classes: int = 0
    step: int = 0
    dealt: int = 0

    @property
    def device(self) -> torch.device:
        """Where the generator lives."""
        return next(self.networks.generator.parameters()).device


@dataclass(frozen=True)
class Record:
    """What one step left behind: tensors that nobody has copied to the host yet.

    Attributes:
        step: generator updates so far, this one included.
        images_seen: real images the discriminator was shown so far.
        readings: named scalars of this step.
    """

    step: int
    images_seen: int
    readings: Readings = field(default_factory=dict)


def train_steps(state: State, data: Stream, method: Method, steps: int) -> Iterator[Record]:
    """Play until `state.step` is `steps`, yielding a record after each step.

    The state is whole at every yield: a caller may write a checkpoint, stop, or change a learning rate there.
    """
    players, (of_discriminator, of_generator) = state.networks, state.optimizers
    while state.step < steps:
        for schedule, optimizer in zip(state.schedules, state.optimizers, strict=True):
            schedule.set(optimizer, state.step)
        for _ in range(method.n_critic):
            batch = deal(state, data, method)
            readings = discriminator_step(players, batch, method, of_discriminator)
        readings |= generator_step(players, with_new_fakes(state, batch, method), method, of_generator)
        state.step += 1
        state.average.update(state.step)
        yield Record(state.step, state.dealt * data.batch_size, readings)


def deal(state: State, data: Stream, method: Method) -> Batch:
    """The next batch of reals and as many new fakes, which carry no gradient."""
    real, label = data.batch(state.dealt)
    state.dealt += 1
    with torch.no_grad():
        z, fake, fake_label = imagine(state, len(real), method)
    return Batch(real, fake, label, fake_label, state.step, state.random, z=z)


def with_new_fakes(state: State, batch: Batch, method: Method) -> Batch:
    """The same reals beside new fakes, which carry their gradient."""
    z, fake, fake_label = imagine(state, len(batch.real), method)
    return replace(batch, fake=fake, fake_label=fake_label, z=z)


def imagine(state: State, n: int, method: Method) -> tuple[Tensor, Tensor, Tensor | None]:
    """Draw n latents and labels and let the generator make images: -> z [n, Z], fake [n, C, H, W], label [n] or None."""
    z = torch.randn(n, state.z_dim, generator=state.latent).to(state.device)
    label = torch.randint(state.n_classes, (n,), generator=state.latent).to(state.device) if state.n_classes else None
    with method.precision.autocast(state.device):
        fake: Tensor = state.networks.generator(z, label)
    return z, fake.float(), label
