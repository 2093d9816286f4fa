"""Scoring a run, or any images, against real ones."""

from pathlib import Path

import torch

from steadygan.applications.synthesis import Sampler
from steadygan.assembly import open_data
from steadygan.config import Config
from steadygan.custom import read_config
from steadygan.data import source_for
from steadygan.data.source import Dataset
from steadygan.directory import RunDirectory
from steadygan.errors import UsageError
from steadygan.evaluation import METRICS
from steadygan.evaluation.score import Reference, Scores
from steadygan.sampling import images_of
from steadygan.scoring import SCORE_SEED, latents


def evaluate(target: Path, data: str | None = None, n: int = 5000, checkpoint: str = "last") -> Scores:
    """Scores of a run's averaged generator, or of images, against real images.

    Args:
        target: a run's directory, or images that `source_for` can read.
        data: what to compare with; None takes the run's own data.
        n: samples on each side, at most.
        checkpoint: of the run.
    """
    is_run = RunDirectory(target).config.is_file()
    config = read_config(RunDirectory(target)) if is_run else None
    reals = reals_for(config, data)
    fakes = drawn(target, checkpoint, reals, n) if is_run else opened(target, reals)
    chosen = torch.randperm(len(reals), generator=torch.Generator().manual_seed(0))[: 2 * n]
    labels = None if reals.labels is None else reals.labels[chosen]
    evaluation = config.evaluation if config else Config.of({"data": "fashion-mnist-test"}).evaluation
    metrics = evaluation.metrics if not reals.are_images else tuple(METRICS.build(name) for name in metric_names(reals, fakes))
    seen = (reals.examples[chosen], labels)
    reference = Reference(*seen, extractor=evaluation.extractor, metrics=metrics, stacked_from=reals.stacked_from)
    return reference.score(fakes.examples[:n], None if fakes.labels is None else fakes.labels[:n])


def metric_names(reals: Dataset, fakes: Dataset) -> list[str]:
    """All metrics that images allow; conditional accuracy needs the classes that were asked for, and modes a stacked set."""
    possible = {"conditional_accuracy": fakes.labels is not None, "stacked_modes": reals.stacked_from is not None}
    return ["kid", "frechet", "prdc", *(name for name, is_possible in possible.items() if is_possible)]


def reals_for(config: Config | None, data: str | None) -> Dataset:
    """The real examples to compare with."""
    if data is not None:
        source = source_for(data)
        return source.open(config.resolution, config.channels) if config else source.open()
    if config is None:
        raise UsageError("evaluate: images need real ones to be compared with", "name them with --data")
    return open_data(config)


def drawn(run: Path, checkpoint: str, reals: Dataset, n: int) -> Dataset:
    """n samples of a run, with classes as often as the reals have them."""
    sampler = Sampler.of(run, checkpoint)
    z, label = latents(n, sampler.z_dim, reals if sampler.class_names else Dataset("", reals.examples), SCORE_SEED)
    return Dataset("samples", images_of(sampler.generator, z, label), label, sampler.class_names)


def opened(images: Path, reals: Dataset) -> Dataset:
    """Images from disk, at the size of the reals."""
    channels, height, _ = reals.shape
    return source_for(str(images)).open(height, channels)
