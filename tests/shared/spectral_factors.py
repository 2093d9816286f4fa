"""The factor that is found for a function, and the norm of its dense Jacobian at a point."""

import torch
from torch import nn

from steadygan.spectral.lipschitz import lipschitz


class Fn(nn.Module):
    """A function as a network."""

    def __init__(self, function, *layers):
        super().__init__()
        self.function, self.layers = function, nn.ModuleList(layers)
        self.like = nn.Parameter(torch.zeros(()))  # says in which type it is called

    def forward(self, x):
        return self.function(x, *self.layers)


def upper(module, shape):
    """The bound of a function that is known all over."""
    module = module if isinstance(module, nn.Module) else Fn(module)
    bounds = lipschitz(module.double().eval(), shape, n_samples=0)
    assert bounds.unknown == ()
    return bounds.upper


def steepness_at(module, x):
    """The norm of the dense Jacobian at one input [...]."""
    module = module if isinstance(module, nn.Module) else Fn(module)
    module = module.double().eval()
    jacobian = torch.autograd.functional.jacobian(lambda one: module(one[None])[0].flatten(), x.double())
    return float(torch.linalg.matrix_norm(jacobian.reshape(-1, x.numel()), 2))
