import dataclasses
from collections.abc import Callable

import pytest
import torch

from steadygan.game import Batch


@pytest.fixture
def make_batch() -> Callable[..., Batch]:
    """A batch with the given real and fake; any other field can be set."""

    def make(real: torch.Tensor, fake: torch.Tensor, **fields: object) -> Batch:
        return dataclasses.replace(Batch(real, fake, None, None, step=0, random=torch.Generator()), **fields)

    return make
