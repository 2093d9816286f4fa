"""Spectral regularization: singular values that fall behind the largest are raised again."""

from typing import Annotated, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from steadygan.game import Networks
from steadygan.spectral import Weight, weights
from steadygan.stabilizers.base import Stabilizer


def raised(ratios: Tensor, share: float) -> Tensor:
    """Ratios sigma_k / sigma_1 with the first floor(share * R) of them made 1: [G, R] -> [G, R].

    >>> raised(torch.tensor([[1.0, 0.5, 0.2, 0.1]]), 0.5)
    tensor([[1.0000, 1.0000, 0.2000, 0.1000]])
    """
    first = torch.arange(ratios.shape[1], device=ratios.device) < int(share * ratios.shape[1])
    return torch.where(first, 1, ratios)


def decomposed(matrices: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """U, sigma_1, sigma / sigma_1 and V' of each matrix: [G, M, N] -> [G, M, R], [G, 1], [G, R], [G, R, N].

    A matrix of zeros has ratios 0.
    """
    left, values, right = torch.linalg.svd(matrices, full_matrices=False)
    largest = values[:, :1]
    return left, largest, values / torch.where(largest > 0, largest, 1), right


def wide(tensor: Tensor) -> torch.dtype:
    """The type in which singular values are taken: the tensor's own, at least float32."""
    return torch.promote_types(tensor.dtype, torch.float32)


def unlike_embeddings(module: nn.Module) -> list[Weight]:
    """Every weight of `module` but those of embeddings, once each where layers share it."""
    taken = [weight for weight in weights(module) if not isinstance(weight.layer, nn.Embedding | nn.EmbeddingBag)]
    homes = [weight.layer._parameters.get(weight.parameter, (weight.layer, weight.parameter)) for weight in taken]
    return list(dict(zip(reversed(homes), reversed(taken), strict=True)).values())[::-1]


def stored(weight: Weight) -> Tensor:
    """The weight before spectral normalization; as it is read where another parametrization stores it in parts."""
    raw = weight.layer._parameters.get(weight.parameter)
    return weight.value if raw is None else raw


def store(weight: Weight, value: Tensor) -> None:
    """Write what `stored` reads; a parametrization takes the value apart itself."""
    raw = weight.layer._parameters.get(weight.parameter)
    if raw is None:
        setattr(weight.layer, weight.parameter, value)
    else:
        raw.copy_(value)


def as_weight(weight: Weight, matrices: Tensor) -> Tensor:
    """The inverse of `weight.matrices`: [G, M, N] -> the weight's own shape."""
    shape = stored(weight).shape
    if not weight.transposed:
        return matrices.reshape(shape)
    return matrices.reshape(*matrices.shape[:2], -1, *shape[2:]).transpose(1, 2).reshape(shape)


class SpectralRegularization(Stabilizer):
    """Singular values of the discriminator's weights kept from falling behind. Liu et al. 2019, arXiv:1908.10999.

    With W = sum sigma_k u_k v_k' the paper judges by (W + dW) / sigma_1, with dW = sum (r_k sigma_1 - sigma_k) u_k v_k'. Static
    compensation sets r_k = 1 for the first half of the values and keeps the rest; dynamic compensation sets each r_k to the
    largest sigma_k / sigma_1 that was seen so far. The division is `spectral_norm`: put that behind it in the list. Alone it
    raises values of weights whose scale is free.

    What is done is what the authors' two published trainers do, and not quite what the equation says: every 5th step W itself
    is overwritten with W + dW after its update, from an exact singular value decomposition. The loss's gradient by W is then
    (G - <G, W'> u_1 v_1') / sigma_1 at the overwritten W' / sigma_1, the paper's gradient without its last term: that one
    differentiates dW, which here is a constant. The equations are checked against notes on the paper and the authors' code,
    not against the paper's own text.

    What we do differently from the authors: linear and attention layers as well as convolutions, as the paper speaks of
    weights; each group of a grouped convolution by itself; the static form keeps sigma_1, where their code makes it 1, which
    is the same under `spectral_norm`. Their ImageNet runs began the dynamic form late, at 40 000 steps: see `start`.

    Attributes:
        compensation: `static`, the paper's for small images, or `dynamic`, its later form, for many classes.
        share: of each weight's singular values, those that static compensation makes as large as the largest.
        every: steps between two compensations.
        start: the first step with one.
    """

    name: Literal["spectral_regularization"] = "spectral_regularization"
    compensation: Literal["static", "dynamic"] = "static"
    share: Annotated[float, Field(gt=0, le=1)] = 0.5
    every: PositiveInt = 5
    start: Annotated[int, Field(ge=0)] = 0

    def prepare(self, networks: Networks) -> None:
        """Make room for the largest ratios seen, which dynamic compensation goes by: a buffer, so checkpoints have it."""
        if self.compensation == "dynamic":
            for weight in unlike_embeddings(networks.discriminator):
                matrices = weight.matrices(stored(weight).detach())
                ratios = matrices.new_zeros(len(matrices), min(matrices.shape[1:]), dtype=wide(matrices))
                weight.layer.register_buffer(f"{weight.parameter}_ratios", ratios)

    @torch.no_grad()
    def project(self, discriminator: nn.Module, step: int) -> None:
        """Raise what has fallen, at every `every`-th step."""
        if step >= self.start and step % self.every == 0:
            for weight in unlike_embeddings(discriminator):
                self._compensate(weight)

    def _compensate(self, weight: Weight) -> None:
        """Overwrite one weight; one of a single singular value, as of a last layer, has none that could fall behind."""
        matrices = weight.matrices(stored(weight))
        if min(matrices.shape[1:]) > 1 and torch.isfinite(matrices).all():
            left, largest, ratios, right = decomposed(matrices.to(wide(matrices)))
            wanted = self._wanted(weight, ratios)
            change = left * (largest * (wanted - ratios)).unsqueeze(1) @ right
            store(weight, stored(weight) + as_weight(weight, change))

    def _wanted(self, weight: Weight, ratios: Tensor) -> Tensor:
        """The ratios after compensation: [G, R] -> [G, R]."""
        if self.compensation == "static":
            return raised(ratios, self.share)
        largest = weight.layer.get_buffer(f"{weight.parameter}_ratios")
        return largest.copy_(torch.maximum(largest, ratios.to(largest)))
