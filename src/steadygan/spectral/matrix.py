"""The weights of a layer as matrices: what "the largest singular value of a layer" is taken of."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from torch import Tensor, nn

TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, *TRANSPOSED)
LAYERS = (nn.Linear, nn.Bilinear, nn.Embedding, nn.EmbeddingBag, *CONVOLUTIONS)


@dataclass(frozen=True)
class Weight:
    """One weight of a network, and how it is read as a stack of matrices [G, M, N], output by input.

    A convolution kernel [out, in/G, *k] is read as [G, out/G, in/G * prod(k)], as in Miyato et al. 2018, arXiv:1802.05957; a
    transposed one [in, out/G, *k] as [G, out/G, in/G * prod(k)]. The norm of this matrix is not the norm of the convolution as
    a map between images, which also depends on stride and padding: that is `operator_norm`.

    Attributes:
        name: the layer's name in the network; the parameter's own, where the layer has several (`attention.in_proj_weight`).
        layer: the layer that reads it.
        parameter: its name in the layer.
        blocks: G, the number of matrices: the groups of a convolution, or 3 for queries, keys and values stored as one.
        apart: the blocks are maps of their own (q, k, v), each with a norm of its own. Else the weight's norm is the largest.
        transposed: the weight stores input by output.
    """

    name: str
    layer: nn.Module
    parameter: str = "weight"
    blocks: int = 1
    apart: bool = False
    transposed: bool = False

    @property
    def value(self) -> Tensor:
        """The weight as the layer reads it."""
        return cast(Tensor, getattr(self.layer, self.parameter))

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each norm that the weight has: its own, or one for each of q, k and v."""
        return tuple(f"{self.name}[{part}]" for part in "qkv") if self.apart else (self.name,)

    def matrices(self, weight: Tensor) -> Tensor:
        """A tensor of this weight's shape as matrices: -> [G, M, N]; a view where the layout of the tensor allows."""
        if self.blocks == 1:
            return (weight.transpose(0, 1) if self.transposed else weight).flatten(1).unsqueeze(0)
        split = weight.reshape(self.blocks, -1, *weight.shape[1:])
        return (split.transpose(1, 2) if self.transposed else split).flatten(2)


def weights(module: nn.Module) -> Iterator[Weight]:
    """Every weight matrix of the linear, bilinear, embedding, convolution and attention layers in `module`, in its own order.

    A layer that stands in two places comes once; two layers that share a parameter come as two.
    """
    for name, layer in module.named_modules():
        if isinstance(layer, LAYERS):
            yield Weight(name, layer, blocks=groups_of(layer), transposed=isinstance(layer, TRANSPOSED))
        elif isinstance(layer, nn.MultiheadAttention):
            yield from attention_weights(name, layer)


def attention_weights(name: str, layer: nn.MultiheadAttention) -> Iterator[Weight]:
    """The maps to queries, keys and values; that of the output is a linear layer of its own."""
    prefix = f"{name}." if name else ""
    if layer.in_proj_weight is not None:
        yield Weight(f"{prefix}in_proj_weight", layer, "in_proj_weight", blocks=3, apart=True)
    else:
        for part in ("q_proj_weight", "k_proj_weight", "v_proj_weight"):
            yield Weight(f"{prefix}{part}", layer, part)


def groups_of(layer: nn.Module) -> int:
    """The number of blocks on the diagonal of the layer's map: 1 but for grouped convolutions."""
    return layer.groups if isinstance(layer, CONVOLUTIONS) else 1
