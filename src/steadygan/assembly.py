"""From a config to everything that is needed to play: data, networks, optimizers, random streams."""

from dataclasses import dataclass, replace

import torch

from steadygan.config import Config
from steadygan.data.source import Dataset, Progress
from steadygan.data.streams import Stream, split
from steadygan.environment import device_named
from steadygan.errors import ConfigError
from steadygan.networks.base import Spec
from steadygan.training.ema import MovingAverage
from steadygan.training.loop import State, train_steps
from steadygan.training.optimizers import OptimizerPart, Schedule
from steadygan.training.precision import Choice, Precision, PrecisionName, channels_last, choose
from steadygan.training.step import Method


@dataclass(frozen=True)
class Game:
    """All that a run plays with.

    Attributes:
        dataset: everything the source holds; `heldout` is the part that is never trained on, or None.
        stream: the batches of the rest.
        state: what changes; `method`: what does not.
        choice: precision and threads, with the reason.
    """

    config: Config
    dataset: Dataset
    heldout: Dataset | None
    stream: Stream
    state: State
    method: Method
    choice: Choice


def open_data(config: Config, progress: Progress | None = None) -> Dataset:
    """The data of a config at its resolution, without labels where it does not want them."""
    dataset = config.data.open(config.resolution, config.channels, progress=progress)
    return dataset if config.conditional and dataset.n_classes > 1 else replace(dataset, labels=None, class_names=())


def assemble(config: Config, dataset: Dataset, choice: Choice | None = None) -> Game:
    """Build everything from a config and its open data. The same config gives the same start, bit for bit.

    Args:
        config: with every setting made.
        dataset: from `open_data`.
        choice: precision and threads of an earlier part of the run; None chooses.
    """
    choice = choice or choose_for(config, dataset)
    torch.set_num_threads(choice.threads)
    device = device_named(config.device)
    training, heldout = held_out(config, dataset)
    stream = Stream(training, config.batch_size, config.seed, device)
    method = Method(config.loss, config.stabilizers, config.augmentations, config.n_critic, Precision(choice.dtype))
    return Game(config, dataset, heldout, stream, new_state(config, dataset, device), method, choice)


def new_state(config: Config, dataset: Dataset, device: torch.device) -> State:
    """The state before the first step."""
    torch.manual_seed(config.seed)
    networks = config.network.build(Spec(shape=dataset.shape, n_classes=dataset.n_classes, z_dim=config.z_dim))
    for stabilizer in config.stabilizers:
        stabilizer.prepare(networks)
    for network in (networks.discriminator, networks.generator):
        channels_last(network.to(device))
    parts = (config.discriminator.optimizer, config.generator.optimizer)
    of_discriminator, of_generator = parts
    return State(
        networks=networks,
        average=MovingAverage(networks.generator, config.ema),
        optimizers=(
            of_discriminator.build(networks.discriminator.parameters()),
            of_generator.build(networks.generator.parameters()),
        ),
        schedules=(schedule(config, of_discriminator), schedule(config, of_generator)),
        latent=torch.Generator().manual_seed(config.seed + 1),
        random=torch.Generator(device).manual_seed(config.seed + 2),
        z_dim=config.z_dim,
        n_classes=dataset.n_classes,
    )


def schedule(config: Config, optimizer: OptimizerPart) -> Schedule:
    """The learning rate of one player over the steps."""
    decay = config.decay
    return Schedule(learning_rate=optimizer.learning_rate, horizon=decay.horizon, hold=decay.hold, final=decay.final)


def held_out(config: Config, dataset: Dataset) -> tuple[Dataset, Dataset | None]:
    """(what is trained on, what is not): never more than a tenth of the data is held out."""
    n = min(config.monitoring.heldout, len(dataset) // 10)
    if len(dataset) - n < config.batch_size:
        left = len(dataset) - n
        problem = f"batch_size: {config.batch_size} is more than the {left} examples there are to train on"
        raise ConfigError(problem, f"use --set batch_size={left} or less, or more data")
    return split(dataset, n, config.seed) if n else (dataset, None)


def choose_for(config: Config, dataset: Dataset) -> Choice:
    """Precision and threads for a config: as it says, or by timing real steps on copies that are thrown away."""
    device = device_named(config.device)
    threads = config.threads or torch.get_num_threads()
    if config.precision != "auto" and (config.threads or device.type != "cpu"):
        return Choice(config.precision, threads, f"{config.precision}, {threads} threads: as asked")
    fixed = None if config.precision == "auto" else config.precision
    state = new_state(config, dataset, device)
    stream = Stream(dataset, min(config.batch_size, len(dataset)), config.seed, device)

    def trial(dtype: PrecisionName) -> None:
        parts = (config.loss, config.stabilizers, config.augmentations, config.n_critic)
        next(iter(train_steps(state, stream, Method(*parts, Precision(dtype)), state.step + 1)))

    return choose(trial, device, threads, fixed, try_threads=not config.threads)
