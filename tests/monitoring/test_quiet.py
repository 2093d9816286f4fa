import torch
from torch import nn

from steadygan.monitoring.quiet import Quiet


class Counter(nn.Module):
    """Replaces its buffer instead of writing into it."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls = self.calls + 1
        return x + self.calls


def test_forgets_what_buffers_became():
    network = nn.Sequential(nn.BatchNorm1d(3), Counter())
    quiet, x = Quiet(network), torch.randn(5, 3)
    before = {name: (buffer, buffer.clone()) for name, buffer in network.named_buffers()}
    assert torch.equal(quiet(x), quiet(x))
    for name, buffer in network.named_buffers():
        assert buffer is before[name][0]
        assert torch.equal(buffer, before[name][1])


def test_forgets_its_random_draws():
    network = nn.Dropout(0.5)
    state, x = torch.get_rng_state(), torch.ones(100)
    first, second = Quiet(network)(x), Quiet(network)(x)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first, second)
    assert (first == 0).any()


def test_calls_in_the_mode_the_network_stands_in():
    network = nn.BatchNorm1d(3)
    x = torch.randn(50, 3) * 3 + 7
    assert Quiet(network)(x).mean().abs() < 1e-5  # by the batch's own statistics
    assert Quiet(network.eval())(x).mean() > 5  # by the running ones, still 0 and 1
    assert not network.training


def test_torchs_own_spectral_norm_does_not_move():
    layer = nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4))
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    Quiet(layer)(torch.randn(2, 4))
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())


def test_gradients_pass_to_the_input():
    x = torch.randn(3, 2, requires_grad=True)
    layer = nn.Linear(2, 1)
    (gradient,) = torch.autograd.grad(Quiet(layer)(x).sum(), x)
    assert torch.equal(gradient, layer.weight.detach().expand(3, 2))
