"""What is known of each data set and never shown to a judge: which mode a sample belongs to, and how good it is."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from expert import FRAMES, Imitation
from sets import N_TRAIN, N_UNSEEN, SIZE, Images, Stacked, digits_file, singles, source
from torch import Tensor, nn

from steadygan.data.source import Dataset, Source
from steadygan.data.streams import in_range
from steadygan.data.toy import Mixture

SURE = 0.7  # probability of one class, for an image of high quality


@dataclass(frozen=True)
class Seen:
    """What is known of samples.

    Attributes:
        mode: [N] int64 in 0..K-1, the nearest; `near`: [N] bool, near enough to count for it; `good`: [N] bool, of quality.
        features: [N, F] in which distances mean something; `label`: [N] the class that a conditional generator was asked for.
    """

    mode: Tensor
    near: Tensor
    good: Tensor
    features: Tensor
    label: Tensor | None = None


@dataclass(frozen=True)
class World:
    """One data set. `unseen` gives as many new examples of it as wanted."""

    name: str
    source: Source
    n_modes: int
    look: Callable[[Tensor], Seen]
    unseen: Callable[[], Dataset]
    n: int  # samples a reading


def points(name: str, source: Mixture) -> World:
    """Good is within the radius that holds 98.9% of a Gaussian; near is within that or a quarter of the least spacing.

    Each centre is a mode; of an expert's motion each clip is, and the distance to a clip that to the nearest of its frames.
    """
    centers = source.centers
    of = torch.arange(len(centers)) // (FRAMES if isinstance(source, Imitation) else 1)
    good = radius(centers.shape[1]) * source.std
    near = max(spacing(centers, of) / 4, good)

    def look(samples: Tensor) -> Seen:
        distance, nearest = torch.cdist(samples, centers, compute_mode="donot_use_mm_for_euclid_dist").min(1)
        return Seen(of[nearest], distance <= near, distance <= good, samples)

    fresh = source.model_copy(update={"seed": source.seed + 1, "count": 4000})
    return World(name, source, int(of[-1]) + 1, look, fresh.load, 2500)


def spacing(centers: Tensor, of: Tensor) -> float:
    """The least distance of centres of different modes: [C, D], the mode of each [C] -> at least 0."""
    distance = torch.cdist(centers, centers, compute_mode="donot_use_mm_for_euclid_dist")
    return float(distance[of[:, None] != of].min())


def radius(dimensions: int) -> float:
    """3 in the plane; elsewhere what holds as much of a standard normal, by the approximation of Wilson and Hilferty."""
    if dimensions == 2:
        return 3.0
    spread = 2 / (9 * dimensions)
    return math.sqrt(dimensions * (1 - spread + 2.287 * math.sqrt(spread)) ** 3)


def pairs(of: Images) -> World:
    """The mode is the pair of classes that a classifier sees; good is what it is sure of, twice."""
    classifier = trained(of)

    @torch.no_grad()
    def look(samples: Tensor) -> Seen:
        features = classifier[:-1](samples.reshape(-1, 1, SIZE, SIZE))
        sure, named = classifier[-1](features).softmax(1).reshape(-1, 2, 10).max(2)
        everywhere = torch.ones(len(samples), dtype=torch.bool)
        features = features.reshape(len(samples), -1)
        return Seen(named[:, 0] * 10 + named[:, 1], everywhere, (sure >= SURE).all(1), features, named[:, 0])

    return World(of, Stacked(of=of), 100, look, Stacked(of=of, unseen=True, count=4000).load, 2000)


@cache
def trained(of: Images) -> nn.Sequential:
    """A small classifier of single images, trained on those that the pairs for training come from."""
    images, label = singles(of)
    torch.manual_seed(0)
    convolutions = (nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.Flatten())
    network = nn.Sequential(*convolutions, nn.Linear(512, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    for _ in range(8):
        for batch in torch.randperm(N_TRAIN).reshape(-1, 64):
            loss = F.cross_entropy(network(in_range(images[batch])), label[batch])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
    return network.eval().requires_grad_(False)


def accuracy(of: Images) -> float:
    """Of the classifier, on images that it was not trained on."""
    images, label = singles(of)
    return float((trained(of)(in_range(images[N_TRAIN:])).argmax(1) == label[N_TRAIN:]).double().mean())


@cache
def world(name: str) -> World:
    """The world of a data set: ring, grid, cloud, imitation, clothes or digits."""
    known = source(name)
    return points(name, known) if isinstance(known, Mixture) else pairs("clothes" if name == "clothes" else "digits")


def main() -> None:
    for of in ("clothes", "digits") if digits_file() else ("clothes",):
        print(f"{of}: accuracy {accuracy(of):.3f} on {N_UNSEEN} single images that it was not trained on")


if __name__ == "__main__":
    main()
