"""What the tests of the audit show it, and what they read of its findings."""

import numpy as np
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm as torch_norm

from steadygan.spectral.audit import audit


def row_of(found, layer):
    """The row of one layer."""
    return next(row for row in found.rows if row.layer == layer)


def norms(weight):
    """Singular values of a weight as the paper reads it, by numpy."""
    return np.linalg.svd(weight.detach().double().flatten(1).numpy(), compute_uv=False)


def traps(network, shape=None, **training):
    """(trap, place) of every warning."""
    return [(caution.trap, caution.place) for caution in audit(network, shape, **training).warnings]


def normed(*layers, form=torch_norm):
    """A sequence whose convolutions and linear layers torch normalizes."""
    return nn.Sequential(
        *(form(each) if isinstance(each, nn.Conv2d | nn.Linear | nn.ConvTranspose2d) else each for each in layers)
    )


def converged(network, n=200):
    """The same, with u and v where they belong."""
    for layer in network.modules():
        if hasattr(layer, "parametrizations"):
            for _ in range(n):
                _ = layer.weight
    return network
