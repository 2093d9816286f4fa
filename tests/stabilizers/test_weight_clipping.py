import torch
from torch import nn

from steadygan.stabilizers import WeightClipping


def test_every_parameter_is_clipped_and_buffers_are_not():
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([[0.5, -3.0], [0.05, -0.05]]))
    before = network[0].weight
    WeightClipping(bound=0.1).project(network, step=0)
    assert torch.equal(network[0].weight, torch.tensor([[0.1, -0.1], [0.05, -0.05]]))
    assert network[0].weight is before  # the optimizer's own parameter
    assert torch.equal(network[1].weight, torch.full((2,), 0.1))
    assert torch.equal(network[1].running_var, torch.ones(2))
    assert network[0].weight.requires_grad
