import copy

import pytest
import torch
from torch import nn

from steadygan.training.optimizers import OPTIMIZERS, Schedule, orthogonal


@pytest.mark.parametrize("name", list(OPTIMIZERS))
def test_every_optimizer_learns_a_line_and_survives_a_copy(name):
    """A least-squares line: the loss must fall; and a loaded state must go on bit for bit."""
    x = torch.randn(64, 3)
    y = x @ torch.tensor([[1.0], [-2.0], [0.5]])
    nets = [nn.Sequential(nn.Linear(3, 8), nn.Linear(8, 1)) for _ in range(2)]
    part = OPTIMIZERS.build({"name": name, "learning_rate": 0.02})
    optimizer = part.build(nets[0].parameters())

    def step(net, optimizer):
        loss = (net(x) - y).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    losses = [step(nets[0], optimizer) for _ in range(60)]
    assert losses[-1] < 0.7 * losses[0]
    nets[1].load_state_dict(nets[0].state_dict())
    twin = part.build(nets[1].parameters())
    twin.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert [step(nets[0], optimizer) for _ in range(3)] == [step(nets[1], twin) for _ in range(3)]


def test_orthogonal_brings_singular_values_near_one():
    """Five iterations leave them within 0.3 of 1 for values not below 0.03 of the norm (Jordan 2024); scale removed first."""
    matrix = torch.randn(20, 12)
    values = torch.linalg.svdvals(orthogonal(matrix, 5) / (0.2 * 20**0.5))
    assert values.min() > 0.6
    assert values.max() < 1.3


@pytest.mark.parametrize(("step", "expected"), [(0, 1.0), (50, 1.0), (75, 0.55), (100, 0.1), (5000, 0.1)])
def test_schedule(step, expected):
    assert Schedule(learning_rate=1, horizon=100, hold=0.5, final=0.1).at(step) == pytest.approx(expected)


def test_without_a_horizon_the_rate_stays():
    assert Schedule(learning_rate=0.3).at(10**9) == 0.3
