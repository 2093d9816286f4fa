"""Scoring a run's generator against its data, with the reals looked at once."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

import torch

from steadygan.config import Config
from steadygan.data.source import Dataset
from steadygan.evaluation.score import Reference, Scores
from steadygan.sampling import images_of, truncated_normal
from steadygan.training.loop import State

SCORE_SEED = 1234


class Scorer:
    """The metrics of a config, on samples of the averaged generator.

    Args:
        config: names the extractor, the metrics and how many samples.
        dataset: the reals.
    """

    def __init__(self, config: Config, dataset: Dataset) -> None:
        self.config, self.dataset = config, dataset
        self.sign = 1 if config.evaluation.metrics[0].higher_is_better else -1
        self._reference: Reference | None = None
        self._told: set[str] = set()

    def score(self, state: State) -> Scores:
        """Scores by name, the main one first, with their floor, n and extractor; others that cannot be had are left out."""
        z, label = latents(self.config.evaluation.n, state.z_dim, self.dataset, SCORE_SEED)
        return self.reference.score(images_of(state.average.generator, z, label), label, spare=True)

    def better(self, value: float, best: Mapping[str, Any] | None) -> bool:
        """Whether a main score is finite, and better than the best so far."""
        return isfinite(value) and (best is None or self.sign * value > self.sign * best["value"])

    def news(self, scores: Scores) -> list[str]:
        """Why metrics are left out of the scores, each once."""
        found = [why for why in scores.left_out if why not in self._told]
        self._told.update(found)
        return found

    @property
    def reference(self) -> Reference:
        """The reals with their features, made at first use."""
        if self._reference is None:
            evaluation = self.config.evaluation
            chosen = torch.randperm(len(self.dataset), generator=torch.Generator().manual_seed(0))[: 2 * evaluation.n]
            labels = None if self.dataset.labels is None else self.dataset.labels[chosen]
            reals = self.dataset.examples[chosen]
            parts, base = (evaluation.extractor, evaluation.metrics), self.dataset.stacked_from
            self._reference = Reference(reals, labels, extractor=parts[0], metrics=parts[1], stacked_from=base)
        return self._reference


def latents(n: int, z_dim: int, dataset: Dataset, seed: int) -> tuple[torch.Tensor, torch.Tensor | None]:
    """n latents, and labels drawn as often as the data has them: -> [n, Z], [n] or None."""
    z = truncated_normal(n, z_dim, None, seed)
    if dataset.labels is None:
        return z, None
    chosen = torch.randint(len(dataset), (n,), generator=torch.Generator().manual_seed(seed))
    return z, dataset.labels[chosen]
