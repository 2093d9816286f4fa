"""A small convolutional classifier of grey images, trained on the spot where no ready one knows the classes."""

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from steadygan.evaluation.base import Examples
from steadygan.evaluation.conditional import accuracy
from steadygan.evaluation.order import fixed_order

SEED = 20_171_212
WIDTH, DROPOUT = 16, 0.2
BATCH, RATE = 64, 5e-3
RISE, FALL = 0.1, 0.7  # shares of the steps in which the learning rate rises to its height, and falls from it
AT_ONCE = 1024  # images a pass


class ConvolutionalClassifier(nn.Module):
    """Two strided 5x5 convolutions and a linear layer: what PacGAN judges digits with, made small enough for a processor.

    Args:
        size: (H, W) of the images.
        n_classes: K.
    """

    def __init__(self, size: tuple[int, int], n_classes: int) -> None:
        super().__init__()
        area = -(-size[0] // 4) * -(-size[1] // 4)
        self.layers = nn.Sequential(
            nn.Conv2d(1, WIDTH, 5, 2, 2),
            nn.BatchNorm2d(WIDTH),
            nn.ReLU(),
            nn.Conv2d(WIDTH, 2 * WIDTH, 5, 2, 2),
            nn.BatchNorm2d(2 * WIDTH),
            nn.ReLU(),
            nn.Flatten(),
            nn.Dropout(DROPOUT),
            nn.Linear(2 * WIDTH * area, n_classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Scores of the classes: uint8 [N, 1, H, W] -> float32 [N, K]."""
        logits: Tensor = self.layers((images.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last))
        return logits

    @torch.inference_mode()
    def classes(self, images: Tensor, /) -> Tensor:
        """The class of the highest score: uint8 [N, 1, H, W] -> [N] int64."""
        return torch.cat([self(part).argmax(1) for part in torch.split(images, AT_ONCE)])


@dataclass(frozen=True)
class Known:
    """Labelled images, equal to others with the same content.

    Attributes:
        digest: of all that follows.
        images: uint8 [N, 1, H, W]; `labels`: [N] int64 in 0..K-1.
    """

    digest: str
    images: Tensor = field(compare=False)
    labels: Tensor = field(compare=False)

    @classmethod
    def of(cls, examples: Examples) -> "Known":
        """From images with labels."""
        images, labels = examples.examples.contiguous(), examples.labels
        assert labels is not None
        found = hashlib.sha256(repr(tuple(images.shape)).encode())
        for tensor in (images, labels.contiguous()):
            found.update(tensor.numpy().data)
        return cls(found.hexdigest(), images, labels)


class Trained(NamedTuple):
    """A classifier in eval mode, how many classes it knows, and its accuracy on images left out, 0..1."""

    network: ConvolutionalClassifier
    n_classes: int
    accuracy: float


@lru_cache(maxsize=1)
def trained(known: Known, steps: int) -> Trained:
    """A classifier trained on nine tenths of the images, the same each time; kept in this process until others come.

    Neither the caller's random numbers nor whether it wants gradients matters, or is changed.
    """
    order, n_classes = fixed_order(len(known.images)), int(known.labels.max()) + 1
    left_out, taught = order[: len(order) // 10], order[len(order) // 10 :]
    with torch.inference_mode(False), torch.random.fork_rng(devices=[]):  # the first of them also asks for gradients
        torch.manual_seed(SEED)
        network = ConvolutionalClassifier((known.images.shape[2], known.images.shape[3]), n_classes)
        teach(network, known.images[taught], known.labels[taught], steps)
    network.eval().requires_grad_(False)
    return Trained(network, n_classes, accuracy(network, known.images[left_out], known.labels[left_out]))


def teach(network: ConvolutionalClassifier, images: Tensor, labels: Tensor, steps: int) -> None:
    """Cross-entropy on random batches, each moved by up to a pixel, by AdamW whose learning rate rises and falls."""
    optimizer = torch.optim.AdamW(network.parameters(), RATE, fused=True)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = RATE * min(1, (step + 1) / (RISE * steps), (steps - step) / (FALL * steps))
        chosen = torch.randint(len(images), (BATCH,))
        loss = F.cross_entropy(network(moved(images[chosen])), labels[chosen])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def moved(images: Tensor) -> Tensor:
    """All images moved alike, by a random step of up to a pixel each way; edges are repeated: [N, 1, H, W] -> [N, 1, H, W]."""
    height, width = images.shape[2:]
    down, right = torch.randint(3, (2,)).tolist()
    padded = F.pad(images.float(), (1, 1, 1, 1), mode="replicate")
    return padded[:, :, down : down + height, right : right + width]
