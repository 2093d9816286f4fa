"""Quiet: a network that forgets. What a probe calls, so that measuring changes nothing."""

import torch
from torch import nn
from torch.func import functional_call


class Quiet(nn.Module):
    """Calls `network` in the mode it stands in, on copies of its buffers and of the global random state.

    Running statistics, singular vectors and dropout draws move as they would in training, and are thrown away. Gradients are
    the caller's part: use `torch.no_grad` or `torch.autograd.grad`, which leave `.grad` alone.

    >>> norm = nn.BatchNorm1d(2)
    >>> _ = Quiet(norm)(torch.randn(4, 2))
    >>> norm.running_mean
    tensor([0., 0.])
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: object) -> object:
        """What `network(*inputs)` returns."""
        buffers = {name: buffer.detach().clone() for name, buffer in self.network.named_buffers()}
        devices = {parameter.device for parameter in self.network.parameters() if parameter.is_cuda}
        with torch.random.fork_rng(devices):
            return functional_call(self.network, buffers, inputs)
