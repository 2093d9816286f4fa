"""Samples of a generator, and pictures of them."""

from statistics import NormalDist

import torch
from torch import Tensor, nn

from steadygan.data.source import Dataset
from steadygan.images import contact_sheet, grid, to_uint8

SHEET_SEED = 7


def truncated_normal(n: int, z_dim: int, truncation: float | None, seed: int) -> Tensor:
    """Latents, standard normal, or with every entry within +-`truncation`: -> [n, z_dim].

    Truncation trades diversity for quality (Brock et al. 2019, arXiv:1809.11096, section 3.1); here by the inverse of the
    normal distribution function, which needs no rejected draws.
    """
    random = torch.Generator().manual_seed(seed)
    if truncation is None:
        return torch.randn(n, z_dim, generator=random)
    bound = NormalDist().cdf(truncation)
    uniform = torch.rand(n, z_dim, generator=random, dtype=torch.float64)
    latents: Tensor = torch.special.ndtri((1 - bound) + uniform * (2 * bound - 1))
    return latents.float()


@torch.no_grad()
def images_of(generator: nn.Module, z: Tensor, label: Tensor | None, batch_size: int = 256) -> Tensor:
    """What the generator makes of latents, as a data set holds it: z [N, Z], label [N] -> uint8 [N, C, H, W] or points."""
    device = next(generator.parameters()).device
    parts = []
    for start in range(0, len(z), batch_size):
        some = slice(start, start + batch_size)
        parts.append(generator(z[some].to(device), None if label is None else label[some].to(device)).cpu())
    fakes = torch.cat(parts)
    return to_uint8(fakes) if fakes.ndim == 4 else fakes


def sheet_of(generator: nn.Module, z_dim: int, dataset: Dataset) -> Tensor:
    """The same latents every time, as one picture: a row a class where there are classes, at most ten; else 8 x 8."""
    n_classes = min(dataset.n_classes, 10)
    n = 10 * n_classes if n_classes else 64 if dataset.are_images else 2500
    label = torch.arange(n_classes).repeat_interleave(10) if n_classes else None
    return picture(images_of(generator, truncated_normal(n, z_dim, None, SHEET_SEED), label), label, dataset)


def reals_of(dataset: Dataset) -> Tensor:
    """Examples of the data as one picture, laid out as `sheet_of` lays out fakes."""
    n_classes = min(dataset.n_classes, 10)
    if dataset.labels is None or not n_classes:
        return picture(dataset.examples[: 64 if dataset.are_images else 2500], None, dataset)
    chosen = torch.cat([(dataset.labels == k).nonzero().flatten()[:10] for k in range(n_classes)])
    return picture(dataset.examples[chosen], dataset.labels[chosen], dataset)


def picture(examples: Tensor, label: Tensor | None, dataset: Dataset) -> Tensor:
    """Examples as one picture: uint8 [N, C, H, W] or points [N, 2] -> uint8 [C, H', W']."""
    if not dataset.are_images:
        return scatter(examples, dataset.examples)
    if label is None:
        return grid(examples, columns=8)
    return contact_sheet(examples, label, dataset.class_names[: int(label.max()) + 1])


def scatter(points: Tensor, frame: Tensor, side: int = 384) -> Tensor:
    """Points [N, D] as dots at their first two coordinates, in a window a quarter wider than `frame`: -> uint8 [3, S, S]."""
    low, high = frame[:, :2].amin(0), frame[:, :2].amax(0)
    margin = (high - low) * 0.125
    places = ((points[:, :2] - low + margin) / (high - low + 2 * margin) * side).nan_to_num(-9).long()
    canvas = torch.full((3, side, side), 255, dtype=torch.uint8)
    colour = torch.tensor([31, 119, 180], dtype=torch.uint8)
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        x, y = places[:, 0] + dx, side - 1 - places[:, 1] - dy
        seen = (x >= 0) & (x < side) & (y >= 0) & (y < side)
        canvas[:, y[seen], x[seen]] = colour[:, None]
    return canvas
