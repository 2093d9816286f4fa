"""The weight of a layer as a matrix: what "the largest singular value of a layer" is taken of."""

from collections.abc import Iterator

from torch import Tensor, nn

TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, *TRANSPOSED)
LAYERS = (nn.Linear, nn.Embedding, *CONVOLUTIONS)


def weight_layers(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """(name, layer) of every linear, embedding, convolution and transposed convolution in `module`, in its own order."""
    for name, layer in module.named_modules():
        if isinstance(layer, LAYERS):
            yield name, layer


def as_matrices(weight: Tensor, layer: nn.Module) -> Tensor:
    """The weight of `layer` as one matrix a group, output by input: -> [G, M, N].

    A convolution kernel [out, in/G, *k] becomes [G, out/G, in/G * prod(k)], as in Miyato et al. 2018, arXiv:1802.05957; a
    transposed one [in, out/G, *k] becomes [G, out/G, in/G * prod(k)]. The norm of this matrix is not the norm of the
    convolution as a map between images, which also depends on stride and padding.
    """
    return matrices(weight, groups_of(layer), isinstance(layer, TRANSPOSED))


def matrices(weight: Tensor, groups: int, transposed: bool) -> Tensor:
    """A weight with its rows split into groups, and input and output swapped where transposed: -> [G, M, N]."""
    split = weight.reshape(groups, -1, *weight.shape[1:])
    return (split.transpose(1, 2) if transposed else split).flatten(2)


def groups_of(layer: nn.Module) -> int:
    """The number of blocks on the diagonal of the layer's map: 1 but for grouped convolutions."""
    return layer.groups if isinstance(layer, CONVOLUTIONS) else 1
