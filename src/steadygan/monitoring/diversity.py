"""Diversity: how much the generator's images differ from one another, held against the same number of real ones."""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import PositiveInt
from torch import Tensor

from steadygan.game import Batch, Networks
from steadygan.monitoring.base import Probe

LEAST_VARIANCE = 1e-10  # of the reals': below it the fakes are one image and float32 noise, whose rank means nothing


class Diversity(Probe):
    """Spread of the fakes over the spread of as many reals, in pixels: 1 is as diverse as the data, 0 is one single image.

    `diversity/pairwise_ratio` is the ratio of mean pairwise Euclidean distances, `diversity/trace_ratio` that of the total
    variances, to which outliers add more. `diversity/within_class` is the first among images of one class, over the classes
    that both sides show twice. `diversity/effective_rank_ratio` is the ratio of the numbers of directions in which the images
    vary: exp of the entropy of the covariance's eigenvalues (Roy & Vetterli 2007). That one is blind to scale and cannot
    exceed n - 1 on either side, so it is told beside the first, never alone.

    Attributes:
        n: images of each side, or as many as the batch has. The ratios shift with n: compare at equal n only.
    """

    name: Literal["diversity"] = "diversity"
    n: PositiveInt = 256

    @torch.no_grad()
    def measure(self, networks: Networks, batch: Batch) -> dict[str, float]:
        """The ratios that can be computed; none from images that are not finite, or fewer than two, or all the same reals."""
        n = min(self.n, len(batch.real), len(batch.fake))
        real, fake = gram(batch.real[:n]), gram(batch.fake[:n])
        if n < 2 or not torch.isfinite(real).all() or not torch.isfinite(fake).all() or real.trace() <= 0:
            return {}
        between_reals, between_fakes = pairwise_distances(real), pairwise_distances(fake)
        readings = {
            "diversity/pairwise_ratio": (between_fakes.sum() / between_reals.sum()).item(),
            "diversity/trace_ratio": (fake.trace() / real.trace()).item(),
        }
        if fake.trace() > LEAST_VARIANCE * real.trace():
            readings["diversity/effective_rank_ratio"] = effective_rank(fake) / effective_rank(real)
        if batch.label is not None and batch.fake_label is not None:
            within = class_ratio(between_reals, batch.label[:n].cpu(), between_fakes, batch.fake_label[:n].cpu())
            readings |= {"diversity/within_class": within} if math.isfinite(within) else {}
        return readings


def gram(images: Tensor) -> Tensor:
    """Inner products of the images, their mean taken off: [n, C, H, W] -> [n, n] float64 on the CPU.

    Its eigenvalues are n times those of the pixels' covariance, and the distances follow from it: n x n instead of D x D.
    """
    flat = images.flatten(1).double()
    centred = flat - flat.mean(0)
    return (centred @ centred.T).cpu()


def pairwise_distances(gram: Tensor) -> Tensor:
    """Euclidean distances of all pairs, 0 on the diagonal: [n, n] -> [n, n]."""
    squares = gram.diagonal()
    return (squares[:, None] + squares[None, :] - 2 * gram).clamp_min(0).sqrt()


def effective_rank(gram: Tensor) -> float:
    """Exp of the entropy of the normalized eigenvalues: [n, n] -> 1..n - 1."""
    eigenvalues = torch.linalg.eigvalsh(gram / gram.trace()).clamp_min(0)
    return float(torch.special.entr(eigenvalues / eigenvalues.sum()).sum().exp())


def class_ratio(between_reals: Tensor, label: Tensor, between_fakes: Tensor, fake_label: Tensor) -> float:
    """Mean distance within a class, fakes over reals, each class counting once: [n, n], [n], twice -> number, or NaN."""
    n_classes = int(max(label.max(), fake_label.max())) + 1
    of_reals = mean_within_class(between_reals, label, n_classes)
    of_fakes = mean_within_class(between_fakes, fake_label, n_classes)
    both = torch.isfinite(of_reals) & torch.isfinite(of_fakes)
    return (of_fakes[both].sum() / of_reals[both].sum()).item()


def mean_within_class(distances: Tensor, label: Tensor, n_classes: int) -> Tensor:
    """Mean distance of the pairs of each class, NaN for a class without a pair: [n, n], [n] -> [K]."""
    members = F.one_hot(label, n_classes).to(distances)
    counts = members.sum(0)
    return (members * (distances @ members)).sum(0) / (counts * (counts - 1))
