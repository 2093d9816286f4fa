"""Conditional accuracy: do fakes show the class that was asked for?"""

from typing import ClassVar, Literal, NamedTuple

import torch
from pydantic import PositiveFloat
from torch import Tensor

from steadygan.errors import EvaluationError
from steadygan.evaluation.base import Extractor, Metric, Samples
from steadygan.evaluation.checks import tap_of


class ConditionalAccuracy(Metric):
    """Share of fakes that a classifier fitted to real features puts into the class asked for. Higher is better.

    The classifier is a ridge regression onto the classes, in closed form, of standardized features, fitted to every other real image.
    Its accuracy on the remaining reals is given beside the score: fakes cannot be expected to do much better. A score well above
    it means that fakes are more typical than reals are. Related to the classification accuracy score of Ravuri & Vinyals 2019,
    arXiv:1905.10887, with the roles of real and fake swapped.

    Attributes:
        ridge: weight of the penalty, in units of the number of images fitted.
        tap: which features.
    """

    at_least: ClassVar[int] = 20

    name: Literal["conditional_accuracy"] = "conditional_accuracy"
    ridge: PositiveFloat = 1.0
    tap: str = "head"

    @property
    def higher_is_better(self) -> bool:
        """More fakes of the right class are better."""
        return True

    def title(self, extractor: Extractor) -> str:
        """`conditional accuracy`."""
        return "conditional accuracy"

    def compare(self, real: Samples, fake: Samples) -> dict[str, float]:
        """`conditional_accuracy` on all fakes and `real_accuracy` on the reals not fitted, both in 0..1."""
        x, y = (tap_of(samples, self.tap, self.name, self.at_least) for samples in (real, fake))
        real_labels, fake_labels = labels_of(real, "real"), labels_of(fake, "fake")
        classifier = fit(x[::2], real_labels[::2], self.ridge)
        return {
            "conditional_accuracy": accuracy(classifier, y, fake_labels),
            "real_accuracy": accuracy(classifier, x[1::2], real_labels[1::2]),
        }


class Classifier(NamedTuple):
    """An affine map from features to one score a class: mean, scale [F], weight [F, K], bias [K]."""

    mean: Tensor
    scale: Tensor
    weight: Tensor
    bias: Tensor

    def classes(self, features: Tensor) -> Tensor:
        """[N, F] -> the class of the highest score, [N] int64."""
        return (((features.double() - self.mean) / self.scale) @ self.weight + self.bias).argmax(1)


def fit(features: Tensor, labels: Tensor, ridge: float) -> Classifier:
    """Ridge regression of the classes, one-hot and centred, on standardized features: [N, F], [N] -> a classifier, in float64."""
    features = features.double()
    mean, scale = features.mean(0), features.std(0).clamp(min=1e-6)
    x = (features - mean) / scale
    targets = torch.nn.functional.one_hot(labels).double()
    bias = targets.mean(0)
    penalty = ridge * len(x) * torch.eye(x.shape[1], dtype=torch.float64)
    return Classifier(mean, scale, torch.linalg.solve(x.T @ x + penalty, x.T @ (targets - bias)), bias)


def accuracy(classifier: Classifier, features: Tensor, labels: Tensor) -> float:
    """Share of [N, F] that the classifier puts into labels [N]."""
    return float((classifier.classes(features) == labels).double().mean())


def labels_of(samples: Samples, which: str) -> Tensor:
    """The labels [N] int64, or EvaluationError where there are none."""
    if samples.labels is None:
        problem = f"conditional_accuracy: the {which} samples have no labels"
        raise EvaluationError(problem, "leave this metric out, or give the classes of the reals and those asked of the fakes")
    return samples.labels
