"""In-place operations that overwrite what is still needed, and those that do not."""

import pytest
import torch
import torch.nn.functional as F
from spectral_audits import traps
from torch import nn

from steadygan.spectral.auditing.inplace import overwritten


class Skip(nn.Module):
    """x + f(x), or what becomes of it."""

    def __init__(self, first, functional=None):
        super().__init__()
        self.body = nn.Sequential(first, nn.Conv2d(3, 3, 3, padding=1))
        self.functional = functional

    def forward(self, x):
        if self.functional is not None:
            return x + self.body[1](self.functional(x))
        return x + self.body(x)


class Untraceable(nn.Module):
    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, x):
        return self.block(x) if x.sum() > 0 else x


@pytest.mark.parametrize(
    ("block", "places"),
    [
        (Skip(nn.ReLU(True)), ["body.0"]),
        (Skip(nn.ReLU()), []),
        (Skip(nn.LeakyReLU(0.2, True)), ["body.0"]),
        (Skip(nn.Identity(), lambda x: F.relu(x, inplace=True)), ["the network's own code"]),
        (Skip(nn.Identity(), lambda x: x.relu_()), ["the network's own code"]),
        (Skip(nn.Identity(), lambda x: x.flatten(2).relu_().view_as(x)), ["the network's own code"]),
        (Skip(nn.Identity(), lambda x: (x + 0).relu_()), []),
        (Skip(nn.Identity(), F.relu), []),
        (Untraceable(Skip(nn.ReLU(True))), ["block.body.0"]),
        (nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU(True), nn.Conv2d(3, 3, 1)), []),
    ],
)
def test_in_place_operations_on_a_skip_path(block, places):
    assert [place for trap, place in traps(block) if trap == "in-place operation on a skip path"] == places


def test_what_is_called_a_trap_does_change_the_sum():
    """The reason for that warning: the block with the in-place ReLU computes something else, and backward says nothing."""
    x, right, wrong = torch.randn(1, 3, 4, 4), Skip(nn.ReLU()), Skip(nn.ReLU(True))
    wrong.load_state_dict(right.state_dict())
    inputs = x.clone().requires_grad_()
    wrong(inputs + 0).sum().backward()
    assert not torch.allclose(right(x), wrong(x.clone()))
    assert list(overwritten(right)) == []


def test_reading_before_the_overwriting_is_no_trap():
    class Early(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)

        def forward(self, x):
            return self.conv(x) + x.relu_()

    assert list(overwritten(Early())) == []


def test_reading_the_shape_afterwards_is_no_reading():
    class Shaped(nn.Module):
        def forward(self, x):
            return x.relu_().reshape(x.shape[0], x.size(1), -1)

    assert list(overwritten(Shaped())) == []
