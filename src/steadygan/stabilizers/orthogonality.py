"""Orthogonal regularization: the outputs of a layer are drawn towards independence of one another."""

from typing import Literal

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn

from steadygan.game import Batch, Networks
from steadygan.spectral import weights
from steadygan.stabilizers.base import Stabilizer


def off_diagonal_energy(matrices: Tensor) -> Tensor:
    """|W W' * (1 - I)|_F^2, the squared inner products of different rows, summed: [G, M, N] -> scalar, at least 0.

    With more rows than columns it goes through W'W, which is the smaller one and has the same Frobenius norm as WW'. Rows that
    cannot all be orthogonal leave a sum far from 0, so the subtraction loses no digits there.

    >>> off_diagonal_energy(torch.tensor([[[3.0, 0.0], [4.0, 1.0]]]))
    tensor(288.)
    """
    squared_lengths = matrices.square().sum(2)  # [G, M]
    if matrices.shape[1] > matrices.shape[2]:
        return (matrices.mT @ matrices).square().sum() - squared_lengths.square().sum()
    return (matrices @ matrices.mT - torch.diag_embed(squared_lengths)).square().sum()


def orthogonality_penalty(module: nn.Module) -> Tensor:
    """`off_diagonal_energy` of every weight but embeddings, as used (normalized where it is), summed -> scalar, float32."""
    taken = [weight for weight in weights(module) if not isinstance(weight.layer, nn.Embedding | nn.EmbeddingBag)]
    values = [weight.value for weight in taken]
    with torch.autocast(values[0].device.type if values else "cpu", enabled=False):
        energies = [off_diagonal_energy(weight.matrices(value)) for weight, value in zip(taken, values, strict=True)]
    return torch.stack(energies).sum() if energies else torch.zeros(())


class Orthogonality(Stabilizer):
    """Rows of each weight drawn to be orthogonal, their lengths left free. Brock et al. 2019, arXiv:1809.11096, section 3.1.

    That is R(W) = weight * |W'W * (1 - I)|_F^2 of BigGAN, which puts it on the generator. What we do differently from the
    paper: it may stand on either player; a spectrally normalized weight is taken as normalized; rows are the outputs of a
    layer, of transposed convolutions too. Embeddings are left out, as in the authors' code.

    Attributes:
        weight: per squared inner product; the paper's value.
        on: which player.
    """

    name: Literal["orthogonal"] = "orthogonal"
    weight: PositiveFloat = 1e-4
    on: Literal["discriminator", "generator", "both"] = "generator"
    every: PositiveInt = 1  # acts on each every-th step only, and then every times as hard

    def penalty(self, discriminator: nn.Module, batch: Batch) -> Tensor | None:
        """The discriminator's term: scalar, at least 0."""
        return None if self.on == "generator" else self._of(discriminator, batch.step)

    def generator_penalty(self, networks: Networks, batch: Batch) -> Tensor | None:
        """The generator's term: scalar, at least 0."""
        return None if self.on == "discriminator" else self._of(networks.generator, batch.step)

    def _of(self, module: nn.Module, step: int) -> Tensor | None:
        if step % self.every:
            return None
        return self.every * self.weight * orthogonality_penalty(module)
