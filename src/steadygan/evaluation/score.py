"""Scoring fakes against reals: every score beside its real-against-real floor, at the same number of samples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

from torch import Tensor

from steadygan.errors import EvaluationError
from steadygan.evaluation.base import Examples, Extractor, Metric, Samples
from steadygan.evaluation.order import fixed_order
from steadygan.evaluation.words import told


@dataclass(frozen=True)
class Scores:
    """Scores of fakes, and what the same metrics read for reals.

    Attributes:
        values: name -> score; the main one of the first metric stands first.
        floor: the same for reals against other reals, as far as there were enough of them.
        n_real, n_fake: samples compared, as many on both sides.
        n_floor: the same for the floor; less than `n_fake` where there were fewer than twice as many reals.
        extractor: its title.
        titles: name of each metric's main score -> what people call it.
        left_out: why a metric has no score here, where that was to be spared.
    """

    values: Mapping[str, float]
    floor: Mapping[str, float]
    n_real: int
    n_fake: int
    n_floor: int
    extractor: str
    titles: Mapping[str, str]
    left_out: tuple[str, ...] = ()

    @property
    def main(self) -> str:
        """The name of the first score, by which checkpoints are compared."""
        return next(iter(self.values))

    def as_dict(self) -> dict[str, Any]:
        """One flat mapping for JSON: the scores by name, then `floor`, `main`, `n_real`, `n_fake`, `n_floor`, `extractor`."""
        counts = {"n_real": self.n_real, "n_fake": self.n_fake, "n_floor": self.n_floor}
        return {**self.values, "floor": dict(self.floor), "main": self.main, **counts, "extractor": self.extractor}

    def lines(self) -> list[str]:
        """One line a metric: `KID 1.82 ± 0.03 (EfficientNet-Lite0, n = 5000 vs 5000; real against real 0.09 ± 0.02)`."""
        groups = [self._group(name) for name in self.titles]
        return [f"{told(group, self.values, self.titles)} ({self._protocol(group)})" for group in groups]

    def _group(self, first: str) -> list[str]:
        """The names that stand on one line with the main score of a metric: those up to the next metric's."""
        names = list(self.values)
        rest = names[names.index(first) + 1 :]
        return [first, *takewhile(lambda name: name not in self.titles, rest)]

    def _protocol(self, group: Sequence[str]) -> str:
        floor, fewer = told(group, self.floor), f" at n = {self.n_floor}:" if self.n_floor < self.n_fake else ""
        said = f"; real against real{fewer} {floor}" if floor else "; too few reals for a floor"
        return f"{self.extractor}, n = {self.n_real} vs {self.n_fake}{said}"


class Reference:
    """Reals whose features are extracted once, to score many sets of fakes against.

    Give twice as many reals as fakes will come: as many as there are fakes are compared with them, and with as many others
    for the floor. Which ones is drawn, always in the same way, so the same input always gives the same scores.

    Args:
        examples: reals, uint8 [N, C, H, W] or points float32 [N, D].
        labels: [N] int64, or None.
        extractor: in whose features to compare.
        metrics: what to compute, the main one first.
        stacked_from: of a stacked set, see `Dataset.stacked_from`.
    """

    def __init__(
        self,
        examples: Tensor,
        labels: Tensor | None = None,
        *,
        extractor: Extractor,
        metrics: Sequence[Metric],
        stacked_from: Examples | None = None,
    ) -> None:
        if not metrics:
            raise EvaluationError("metrics: none given", "name at least one, such as 'kid'")
        self.extractor, self.metrics = extractor, tuple(metrics)
        reals = extracted(*drawn(examples, labels, len(examples), "real"), extractor)
        self.real = replace(reals, stacked_from=stacked_from)
        self._floors: dict[int, dict[str, float]] = {}

    def score(self, examples: Tensor, labels: Tensor | None = None, spare: bool = False) -> Scores:
        """Scores of fakes, given in the form of the reals; their labels are the classes that were asked for.

        Of more fakes than reals, as many as reals are drawn. With `spare` a metric that cannot be had is left out, but for the
        main one: who trains has paid for the others.

        Raises:
            EvaluationError: a metric needs more samples, labels, or a tap that this extractor does not give.
        """
        n = min(len(examples), len(self.real))
        fake, real = extracted(*drawn(examples, labels, n, "fake"), self.extractor), part(self.real, 0, n)
        check_widths(real, fake)
        results, left_out = compared(self.metrics, real, fake, spare)
        titles = {next(iter(result)): metric.title(self.extractor) for metric, result in results}
        n_floor = min(n, len(self.real) // 2)
        scores = merged([result for _, result in results])
        return Scores(scores, self.floor(n_floor), n, n, n_floor, self.extractor.title, titles, left_out)

    def floor(self, n: int) -> dict[str, float]:
        """The scores of n reals against n others, computed once for each n; without those that need more samples."""
        if n not in self._floors:
            real, other = part(self.real, 0, n), part(self.real, n, 2 * n)
            self._floors[n] = merged([possible(metric, real, other) for metric in self.metrics])
        return self._floors[n]


def score(real: Examples, fake: Examples, *, extractor: Extractor, metrics: Sequence[Metric], n: int | None = None) -> Scores:
    """Scores of fakes against reals, at n samples on each side; without n, at as many as both sides have.

    To score several sets of fakes against the same reals, keep a `Reference`.
    """
    n = min(len(real.examples), len(fake.examples), *([n] if n else []))
    reals, fakes = drawn(real.examples, real.labels, 2 * n, "real"), drawn(fake.examples, fake.labels, n, "fake")
    return Reference(*reals, extractor=extractor, metrics=metrics).score(*fakes)


def drawn(examples: Tensor, labels: Tensor | None, n: int, which: str) -> tuple[Tensor, Tensor | None]:
    """At most n examples with their labels, from all over the list."""
    if not len(examples):
        raise EvaluationError(f"{which}: there are no examples to score")
    if labels is not None and len(labels) != len(examples):
        raise EvaluationError(f"{which}: {len(examples)} examples have {len(labels)} labels", "give one label an example")
    chosen = fixed_order(len(examples))[:n]
    return examples[chosen], None if labels is None else labels[chosen]


def extracted(examples: Tensor, labels: Tensor | None, extractor: Extractor) -> Samples:
    """The examples with their features."""
    return Samples(examples, labels, extractor.features(examples))


def part(samples: Samples, start: int, stop: int) -> Samples:
    """Samples start..stop-1."""
    labels = None if samples.labels is None else samples.labels[start:stop]
    features = {tap: values[start:stop] for tap, values in samples.features.items()}
    return Samples(samples.examples[start:stop], labels, features, samples.stacked_from)


def check_widths(real: Samples, fake: Samples) -> None:
    """Raises EvaluationError where reals and fakes do not have equally many features."""
    for tap, values in real.features.items():
        expected, found = values.shape[1], fake.features[tap].shape[1]
        if found != expected:
            problem = f"fake: {found} features at {tap!r}, the reals have {expected}"
            raise EvaluationError(problem, "bring both to the same size and channels")


def possible(metric: Metric, real: Samples, other: Samples) -> dict[str, float]:
    """The scores of reals against reals; none where they are too few for the metric, which fakes were not."""
    try:
        return metric.compare(real, other)
    except EvaluationError:
        return {}


def compared(
    metrics: Sequence[Metric], real: Samples, fake: Samples, spare: bool
) -> tuple[list[tuple[Metric, dict[str, float]]], tuple[str, ...]]:
    """Each metric with its scores, and why others than the first have none where those are spared."""
    found, left_out = [], []
    for i, metric in enumerate(metrics):
        try:
            found.append((metric, metric.compare(real, fake)))
        except EvaluationError as error:
            if not spare or i == 0:
                raise
            left_out.append(str(error))
    return found, tuple(left_out)


def merged(results: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """All scores in one mapping; a name given twice is an error, not a silent loss."""
    names = [name for result in results for name in result]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        problem = f"metrics: {', '.join(twice)} would be given by two metrics"
        raise EvaluationError(problem, "score one at a time, or name your own metric's scores differently")
    return {name: value for result in results for name, value in result.items()}
