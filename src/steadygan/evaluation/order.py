"""The one random order in which samples are split: files and lists of samples often come sorted, or in turns, by class."""

import torch
from torch import Tensor


def fixed_order(n: int) -> Tensor:
    """A permutation of 0..n-1 that looks random and is always the same: [N] int64."""
    return torch.randperm(n, generator=torch.Generator().manual_seed(0))
