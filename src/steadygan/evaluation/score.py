"""Scoring fakes against reals: every score with its real-against-real floor, at the same number of samples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from steadygan.errors import EvaluationError
from steadygan.evaluation.base import Extractor, Metric, Samples
from steadygan.evaluation.words import told

SEED = 0  # of the order in which reals and fakes are taken: files often come sorted by class


@dataclass(frozen=True)
class Scores:
    """Scores of fakes, and what the same metrics read for reals.

    Attributes:
        values: name -> score, the main one of the first metric first.
        floor: the same names for reals against other reals; empty with fewer than four reals.
        n_real, n_fake: samples compared; n_floor: on each side of the floor, n_fake where there are reals enough.
        extractor: its title.
        titles: name of each metric's main score -> what people call it.
    """

    values: Mapping[str, float]
    floor: Mapping[str, float]
    n_real: int
    n_fake: int
    n_floor: int
    extractor: str
    titles: Mapping[str, str]

    @property
    def main(self) -> str:
        """The name of the first score, by which checkpoints are compared."""
        return next(iter(self.values))

    def as_dict(self) -> dict[str, Any]:
        """One flat mapping for JSON: the scores by name, then `floor`, `main`, `n_real`, `n_fake`, `n_floor`, `extractor`."""
        facts = {"main": self.main, "n_real": self.n_real, "n_fake": self.n_fake, "n_floor": self.n_floor}
        return {**self.values, "floor": dict(self.floor), **facts, "extractor": self.extractor}

    def lines(self) -> list[str]:
        """One line a metric: `KID 1.82 ± 0.03 (EfficientNet-Lite0, n = 5000 vs 5000; real against real 0.09 ± 0.02)`."""
        protocol = f"{self.extractor}, n = {self.n_real} vs {self.n_fake}"
        floor = "real against real" if self.n_floor == self.n_fake else f"real against real at n = {self.n_floor}:"
        groups = [self._group(name) for name in self.titles]
        return [
            f"{told(group, self.titles, self.values)} ({protocol}"
            + (f"; {floor} {told(group, None, self.floor)})" if self.floor else ")")
            for group in groups
        ]

    def _group(self, first: str) -> list[str]:
        """The names that stand on one line with a metric's main score."""
        names = list(self.values)
        rest = names[names.index(first) + 1 :]
        end = next((i for i, name in enumerate(rest) if name in self.titles), len(rest))
        return [first, *rest[:end]]


class Reference:
    """Reals whose features are extracted once, to score many sets of fakes against.

    Give twice as many reals as fakes will come: one half is compared with the fakes, the other half with the first for the floor.

    Args:
        examples: reals, uint8 [N, C, H, W] or points float32 [N, D].
        labels: [N] int64 or None.
        extractor: in whose features to compare.
        metrics: what to compute.
    """

    def __init__(
        self, examples: Tensor, labels: Tensor | None = None, *, extractor: Extractor, metrics: Sequence[Metric]
    ) -> None:
        self.extractor, self.metrics = extractor, tuple(metrics)
        self.real = extracted(examples, labels, extractor, "real")
        self._floors: dict[int, dict[str, float]] = {}

    def score(self, examples: Tensor, labels: Tensor | None = None) -> Scores:
        """Scores of fakes, in the form of the reals; `labels` are the classes that were asked for.

        Raises:
            EvaluationError: a metric needs more samples, labels, or features that this extractor does not give.
        """
        fake = extracted(examples, labels, self.extractor, "fake")
        n = min(len(fake), len(self.real))
        real, n_floor = taken(self.real, 0, n), min(n, len(self.real) // 2)
        results = [metric.compare(real, fake) for metric in self.metrics]
        titles = {
            next(iter(result)): metric.title(self.extractor) for metric, result in zip(self.metrics, results, strict=True)
        }
        return Scores(merged(results), self.floor(n_floor), n, len(fake), n_floor, self.extractor.title, titles)

    def floor(self, n: int) -> dict[str, float]:
        """The scores of n reals against n other reals, computed once for each n; none where n is too small for the metrics."""
        if n not in self._floors:
            real, other = taken(self.real, 0, n), taken(self.real, n, 2 * n)
            self._floors[n] = merged([floor_of(metric, real, other) for metric in self.metrics])
        return self._floors[n]


def score(
    real: Samples | tuple[Tensor, Tensor | None],
    fake: Samples | tuple[Tensor, Tensor | None],
    *,
    extractor: Extractor,
    metrics: Sequence[Metric],
    n: int | None = None,
) -> Scores:
    raise NotImplementedError
