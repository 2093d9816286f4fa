import copy

import pytest
import torch
from torch import nn

from steadygan.training.muon import orthogonal
from steadygan.training.optimizers import OPTIMIZERS, Lion, Schedule


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


def test_lion_moves_as_worked_out_by_hand():
    """Two steps of algorithm 2 at rate 0.1, beta1 0.5, beta2 0.75, decay 0.5; all numbers are sums of powers of 2 but the rate.

    First, from momentum 0: the signs of 0.5 g, so w = 0.95 w0 - 0.1 sign(g), and m = 0.25 g = (1, -0.25, 0).
    Then g = (-0.5, -8, 2): 0.5 m + 0.5 g = (0.25, -4.125, 1): the first goes on in spite of its gradient.
    """
    weight = torch.nn.Parameter(torch.tensor([1.0, -2.0, 4.0], dtype=torch.float64))
    optimizer = Lion(learning_rate=0.1, beta1=0.5, beta2=0.75, weight_decay=0.5).build([weight])
    weight.grad = torch.tensor([4.0, -1.0, 0.0], dtype=torch.float64)
    optimizer.step()
    assert weight.tolist() == pytest.approx([0.95 - 0.1, -1.9 + 0.1, 3.8], rel=1e-15)  # a few roundings of float64
    weight.grad = torch.tensor([-0.5, -8.0, 2.0], dtype=torch.float64)
    optimizer.step()
    expected = [0.95 * 0.85 - 0.1, 0.95 * -1.8 + 0.1, 0.95 * 3.8 - 0.1]
    assert weight.tolist() == pytest.approx(expected, rel=1e-15)
    assert optimizer.state[weight]["momentum"].tolist() == [0.75 - 0.125, -0.1875 - 2, 0.5]


def test_lion_waits_for_a_gradient_and_shows_one_that_is_not_finite():
    idle, broken = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2))
    optimizer = Lion().build([idle, broken])
    broken.grad = torch.tensor([1.0, float("nan")])
    optimizer.step()
    assert idle.tolist() == [1, 1]
    assert idle not in optimizer.state
    assert broken.isnan().tolist() == [False, True]


@pytest.mark.parametrize(("step", "expected"), [(0, 1.0), (50, 1.0), (75, 0.55), (100, 0.1), (5000, 0.1)])
def test_schedule(step, expected):
    assert Schedule(learning_rate=1, horizon=100, hold=0.5, final=0.1).at(step) == pytest.approx(expected)


def test_without_a_horizon_the_rate_stays():
    assert Schedule(learning_rate=0.3).at(10**9) == 0.3
