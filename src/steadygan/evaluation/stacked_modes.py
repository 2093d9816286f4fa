"""Modes of stacked images: how many combinations of classes do fakes reach, and how evenly?"""

from typing import ClassVar, Literal

import torch
from pydantic import PositiveInt
from torch import Tensor

from steadygan.errors import EvaluationError
from steadygan.evaluation.base import Examples, Extractor, Metric, Samples
from steadygan.evaluation.checks import enough
from steadygan.evaluation.convolutional import Known, Trained, trained
from steadygan.evaluation.images import check_images
from steadygan.evaluation.modes import divergence_from_equal

FEWEST = 100  # images to learn the classes from


class StackedModes(Metric):
    """Combinations of classes, one class a channel, that some fake has: of Stacked MNIST up to 1,000. Higher is better.

    The protocol of PacGAN (Lin et al. 2018, arXiv:1712.04086), after VEEGAN (Srivastava et al. 2017, arXiv:1705.07761): a
    classifier of single images names the class of each channel, a mode counts with its first sample, and the divergence is KL
    of the shares of fakes from equal shares, in nats. Both depend on n, there 26,000: fresh reals read KL of about
    (modes - 1) / 2n, 0.02, and more where the classes of the data are not equally many. The floor says what reals read.

    What we do differently: the classifier is a smaller one, trained on the spot in some seconds on nine tenths of the images
    that the reals are stacked from; on the rest its accuracy is told. It makes up modes where it errs: collapsed fakes can
    read a few too many.

    Attributes:
        steps: that the classifier is trained for.
    """

    at_least: ClassVar[int] = 1

    name: Literal["stacked_modes"] = "stacked_modes"
    steps: PositiveInt = 2000

    @property
    def higher_is_better(self) -> bool:
        """More modes are better."""
        return True

    def title(self, extractor: Extractor) -> str:
        """`stacked modes`."""
        return "stacked modes"

    def compare(self, real: Samples, fake: Samples) -> dict[str, float]:
        """`stacked_modes` in 0..K^C, `reverse_kl`: KL(fakes over modes || equal shares), and `classifier_accuracy` in 0..1."""
        enough(len(fake), self.name, self.at_least)
        check_images(fake.examples, self.name)
        known = Known.of(checked(real.stacked_from, fake.examples))
        classifier = trained(known, self.steps)
        mode = modes(classifier, fake.examples)
        return {
            "stacked_modes": float(len(torch.unique(mode))),
            "reverse_kl": divergence_from_equal(mode, classifier.n_classes ** fake.examples.shape[1]),
            "classifier_accuracy": classifier.accuracy,
        }


def modes(classifier: Trained, images: Tensor) -> Tensor:
    """The mode of each image, its classes as the digits of a number in base K: uint8 [N, C, H, W] -> [N] int64."""
    classes = classifier.network.classes(images.flatten(0, 1).unsqueeze(1)).view(images.shape[:2])
    mode = classes.new_zeros(len(images))
    for channel in classes.unbind(1):
        mode = mode * classifier.n_classes + channel
    return mode


def checked(base: Examples | None, fakes: Tensor) -> Examples:
    """What the reals are stacked from, if a classifier of the fakes' channels can be learnt from it."""
    if base is None or base.labels is None:
        problem = "stacked_modes: the reals do not say which labelled images they are stacked from"
        raise EvaluationError(problem, "use it with the data source 'stacked', or give stacked_from=")
    if len(base.examples) < FEWEST:
        problem = f"stacked_modes: needs at least {FEWEST} labelled images to learn the classes from, got {len(base.examples)}"
        raise EvaluationError(problem, "stack a larger set")
    if base.examples.shape[2:] != fakes.shape[2:]:
        found, expected = list(fakes.shape[2:]), list(base.examples.shape[2:])
        problem = f"stacked_modes: fakes are {found}, what the reals are stacked from is {expected}"
        raise EvaluationError(problem, "bring both to the same size")
    return base
