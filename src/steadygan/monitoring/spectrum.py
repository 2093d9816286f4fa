"""Spectrum: the singular values of every weight as it is used, and how well spectral normalization knows the largest."""

import math
from collections.abc import Iterator
from typing import ClassVar, Literal, cast

import torch
from torch import Tensor, nn

from steadygan.game import Batch, Networks
from steadygan.monitoring.base import Probe
from steadygan.monitoring.quiet import Quiet
from steadygan.spectral import SpectralNorm, Weight, condition_number, effective_rank, weights
from steadygan.spectral.singular import of_matrices


class Spectrum(Probe):
    """Exact singular values of the weight of each layer of both players, `D.` for the discriminator's and `G.` for the other's.

    `sigma/D.<layer>` is the largest. `condition/D.<layer>` is the largest over the smallest; `effective_rank/D.<layer>`
    is the effective rank over the full one, in 0..1. Both are left out for a matrix with a single row or column, and so is a
    condition number that is infinite. `sigma_error/D.<layer>`, for spectrally normalized layers only, is the exact value over
    the assumed one, minus 1: 0.02 means that the layer is 2% steeper than promised. `sigma_error/max` is the largest of them.

    A convolution counts as the matrix of its kernel, as spectral normalization takes it, not as a map between images; queries,
    keys and values of attention count as a matrix each. All singular values of each weight: a share of a step where networks
    are small or batches large, but several steps where layers have a thousand units and more.
    """

    name: Literal["spectrum"] = "spectrum"
    full_precision: ClassVar[bool] = True

    def measure(self, networks: Networks, batch: Batch) -> dict[str, float]:
        """The readings by name. A weight that is not finite has a NaN sigma and no other reading."""
        readings: dict[str, float] = {}
        for player, network in (("D", networks.discriminator), ("G", networks.generator)):
            targets = SpectralNorm.of(network).coefficient
            for name, values in spectra(network):
                readings |= layer_readings(f"{player}.{name}", values, targets.get(name))
        errors = [value for name, value in readings.items() if name.startswith("sigma_error/")]
        return {**readings, "sigma_error/max": max(errors)} if errors else readings


class Reading(nn.Module):
    """Reads a weight as its layer would."""

    def __init__(self, weight: Weight) -> None:
        super().__init__()
        self.weight, self.layer = weight, weight.layer

    def forward(self) -> Tensor:
        """The weight as used."""
        return self.weight.value


@torch.no_grad()
def spectra(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """(label, singular values [G, K] of the weight as used, the largest first) of every weight matrix; of q, k and v apart."""
    for weight in weights(network):
        values = of_matrices(weight.matrices(cast(Tensor, Quiet(Reading(weight))())))
        yield from zip(weight.labels, values.unsqueeze(1) if weight.apart else [values], strict=True)


def layer_readings(place: str, values: Tensor, target: float | None) -> dict[str, float]:
    """The readings of one layer from its singular values [G, K]; `target` is what normalization brings the largest to."""
    largest = values.max().item()
    readings = {f"sigma/{place}": largest}
    if not math.isfinite(largest):
        return readings
    if target is not None:
        readings[f"sigma_error/{place}"] = largest / target - 1
    if values.shape[1] > 1 and largest > 0:
        readings[f"effective_rank/{place}"] = effective_rank(values) / values.shape[1]
        readings[f"condition/{place}"] = condition_number(values)
    return {name: value for name, value in readings.items() if math.isfinite(value)}
