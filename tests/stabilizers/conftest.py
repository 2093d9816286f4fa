import dataclasses
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from steadygan.game import Batch


class Plane(nn.Module):
    """logit = a . x with a = (3, 4), so |a| = 5; with a label, (1 + label) times as steep."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor([3.0, 4.0]))

    def forward(self, images: Tensor, label: Tensor | None) -> Tensor:
        logits = images.flatten(1) @ self.a.to(images.dtype)
        return logits if label is None else logits * (1 + label)


@pytest.fixture
def plane() -> Plane:
    return Plane()


@pytest.fixture
def make_batch() -> Callable[..., Batch]:
    """A batch of 6 points or, with `image`, of 6 images [1, 1, 2]; any field can be set."""

    def make(image: bool = False, **fields: object) -> Batch:
        random = torch.Generator().manual_seed(1)
        shape = (6, 1, 1, 2) if image else (6, 2)
        real, fake = torch.randn(shape, generator=random), torch.randn(shape, generator=random)
        return dataclasses.replace(Batch(real, fake, None, None, step=0, random=random), **fields)

    return make
