"""Looks at the samples of a run for the truth. Nothing that it sees is ever given to a judge."""

import math

import torch
from torch import Tensor
from worlds import Seen, World

from steadygan.card.truth import SERIES
from steadygan.data.streams import Stream, in_range
from steadygan.training.loop import State

N_LINES = 64  # directions of the sliced distance
N_NEAR = 500  # samples whose nearest examples are looked for


class Witness:
    """The same latents at every reading, against the same examples that nothing was trained on.

    Args:
        world: of the data set.
        stream: what is trained on, before anything happens to it.
        classes: K of a conditional game, else 0.
    """

    def __init__(self, world: World, stream: Stream, classes: int) -> None:
        self.world, self.random = world, torch.Generator().manual_seed(7)
        unseen = world.unseen()
        self.unseen, self.unseen_label = in_range(unseen.examples), unseen.labels if classes else None
        self.real = world.look(self.unseen)
        self.train, self.train_label = stream.take(torch.arange(len(stream.dataset))[: world.n])
        self.known = distinct(self.train.flatten(1))
        self.asked = torch.randint(classes, (world.n,), generator=self.random) if classes else None
        lines = torch.randn(self.real.features.shape[1], N_LINES, generator=self.random)
        self.scale = (self.real.features @ lines).std(0)
        self.lines = lines / self.scale
        self.before: Tensor | None = None
        self.shares = self.counts(self.real.mode).double() / len(self.unseen)

    @torch.no_grad()
    def look(self, state: State) -> tuple[dict[str, float], Tensor]:
        """The series by name, and how many samples are nearest to each mode: [K]."""
        z = torch.randn(self.world.n, state.z_dim, generator=torch.Generator().manual_seed(11))
        generator = state.networks.generator
        kept = [(buffer, buffer.clone()) for buffer in generator.buffers()]
        samples = generator(z, self.asked).float()
        for buffer, value in kept:
            buffer.copy_(value)
        if not torch.isfinite(samples).all():
            return {**dict.fromkeys(SERIES, math.nan), "finite": 0.0}, torch.zeros(self.world.n_modes, dtype=torch.int64)
        seen = self.world.look(samples)
        histogram = self.counts(seen.mode)
        numbers = {"coverage": self.coverage(self.counts(seen.mode[seen.near])), "churn": self.churn(histogram), "finite": 1.0}
        numbers |= {
            "quality": ratio(seen.good, self.real.good),
            "distance": self.distance(seen),
            "accuracy": self.accuracy(seen),
        }
        numbers |= {"overfit": self.overfit(state, samples), "copying": self.copying(samples)}
        self.before = histogram
        return numbers, histogram

    def counts(self, mode: Tensor) -> Tensor:
        """How many samples are in each mode: [N] -> [K]."""
        return torch.bincount(mode, minlength=self.world.n_modes)

    def coverage(self, histogram: Tensor) -> float:
        """Share of modes with at least a tenth of their share in real data, of samples that are near."""
        wanted = (0.1 * self.shares * self.world.n).clamp_min(1)
        return float((histogram >= wanted).double().mean())

    def churn(self, histogram: Tensor) -> float:
        """Total variation from the reading before, less what two draws of one distribution show by chance: 0..1."""
        if self.before is None:
            return math.nan
        p, q = (one.double() / self.world.n for one in (histogram, self.before))
        chance = ((p * (1 - p) + q * (1 - q)) / self.world.n * 2 / math.pi).sqrt().sum() / 2
        return math.sqrt(max(float((p - q).abs().sum() / 2) ** 2 - float(chance) ** 2, 0.0))

    def distance(self, seen: Seen) -> float:
        """Sliced Wasserstein distance to real data, each direction in units of its standard deviation there."""
        fake, real = (
            (features @ self.lines).sort(0).values for features in (seen.features, self.real.features[: self.world.n])
        )
        return float((fake - real).abs().mean())

    def accuracy(self, seen: Seen) -> float:
        """Share of samples of the class that was asked for, over that of real data; NaN without classes."""
        if self.asked is None or seen.label is None or self.unseen_label is None or self.real.label is None:
            return math.nan
        return ratio(seen.label == self.asked, self.real.label == self.unseen_label)

    def overfit(self, state: State, samples: Tensor) -> float:
        """How much of the logit gap is knowledge of the training examples: 0 none, 1 all; NaN where there is no gap."""
        discriminator = state.networks.discriminator
        kept = [(buffer, buffer.clone()) for buffer in discriminator.buffers()]
        asked = None if self.asked is None else self.asked[:1000]
        trained = discriminator(self.train[:1000], None if self.train_label is None else self.train_label[:1000])
        unseen = discriminator(self.unseen[:1000], None if self.unseen_label is None else self.unseen_label[:1000])
        fake = discriminator(samples[:1000], asked)
        for buffer, value in kept:
            buffer.copy_(value)
        gap = float(trained.mean() - fake.mean())
        return float(trained.mean() - unseen.mean()) / gap if gap > 0.3 * float(trained.std()) else math.nan

    def copying(self, samples: Tensor) -> float:
        """Distance to the nearest training example over that to the nearest of as many unseen ones: 1, or 0 for copies."""
        fake, unseen = samples[:N_NEAR].flatten(1), self.unseen[: len(self.known)].flatten(1)
        nearest = [torch.cdist(fake, other).min(1).values.median() for other in (self.known, unseen)]
        return float(nearest[0] / nearest[1].clamp_min(1e-12))


def ratio(fake: Tensor, real: Tensor) -> float:
    """Share of True in one over that in the other: [N], [M] -> at least 0."""
    return float(fake.double().mean() / real.double().mean())


def distinct(examples: Tensor) -> Tensor:
    """The examples without repetitions, where there are many: [N, D] -> [M, D]."""
    few = torch.unique(examples, dim=0)
    return few if len(few) < len(examples) else examples
