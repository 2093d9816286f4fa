"""The Inception score's formula on whatever classifier the extractor is."""

import math
from typing import Literal

import torch
from pydantic import PositiveInt
from torch import Tensor

from steadygan.evaluation.base import Extractor, Metric, Samples
from steadygan.evaluation.checks import tap_of
from steadygan.evaluation.order import fixed_order


class InceptionStyleScore(Metric):
    """exp of the mean KL(p(y|x) || p(y)) over the classifier's classes. Salimans et al. 2016, arXiv:1606.03498, section 4.

    Higher is better: each image clearly of one class, all classes used. It looks at fakes only, and means little where the
    data are unlike ImageNet: the floor tells what reals get. It is the Inception score with Inception and with nothing else.

    Attributes:
        splits: the mean is taken over that many equal parts, drawn at random but always alike.
    """

    name: Literal["inception_style"] = "inception_style"
    splits: PositiveInt = 10

    @property
    def higher_is_better(self) -> bool:
        """Clear and varied is better."""
        return True

    @property
    def at_least(self) -> int:
        """Ten samples a split."""
        return 10 * self.splits

    def title(self, extractor: Extractor) -> str:
        """`Inception score` for Inception, else `Inception-style score`."""
        return "Inception score" if extractor.name == "inception-v3" else "Inception-style score"

    def compare(self, real: Samples, fake: Samples) -> dict[str, float]:
        """`inception_style`, from 1 to the number of classes, and `_standard_error` (papers print this times sqrt(splits))."""
        logits = tap_of(fake, "logits", self.name, self.at_least)
        logits = logits[fixed_order(len(logits))]
        scores = torch.stack([class_score(split) for split in logits.tensor_split(self.splits)])
        spread = float(scores.std()) if self.splits > 1 else 0.0
        return {
            "inception_style": float(scores.mean()),
            "inception_style_standard_error": spread / math.sqrt(self.splits),
        }


def class_score(logits: Tensor) -> Tensor:
    """exp of the mean KL divergence of each sample's classes from those of all: [N, K] -> scalar float64 in 1..K."""
    log_p = logits.double().log_softmax(1)
    log_mean = log_p.logsumexp(0) - math.log(len(log_p))
    return (log_p.exp() * (log_p - log_mean)).sum(1).mean().exp()
