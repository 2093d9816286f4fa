import pytest
import torch
from torch import nn

from steadygan.data.source import Dataset
from steadygan.data.streams import Stream
from steadygan.game import Networks
from steadygan.training import MovingAverage, Schedule, State
from steadygan.training.optimizers import Adam


class TinyGenerator(nn.Module):
    """[B, 4], label -> [B, 1, 8, 8]; batch norm, so that there are buffers."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(4, 64)
        self.norm = nn.BatchNorm2d(1)
        self.conv = nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, z, label=None):
        return torch.tanh(self.conv(self.norm(self.stem(z).view(-1, 1, 8, 8))))


class TinyDiscriminator(nn.Module):
    """[B, 1, 8, 8], label -> [B]."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 4, stride=2)
        self.head = nn.Linear(36, 1)

    def forward(self, images, label=None):
        return self.head(torch.nn.functional.leaky_relu(self.conv(images)).flatten(1)).flatten()


@pytest.fixture
def networks():
    return Networks(TinyGenerator(), TinyDiscriminator())


@pytest.fixture
def stream():
    images = torch.randint(0, 256, (50, 1, 8, 8), dtype=torch.uint8)
    return Stream(Dataset("noise", images), batch_size=8)


@pytest.fixture
def new_state():
    def make(networks, learning_rate=1e-3):
        part = Adam(learning_rate=learning_rate)
        return State(
            networks,
            MovingAverage(networks.generator, 0.9),
            (part.build(networks.discriminator.parameters()), part.build(networks.generator.parameters())),
            (Schedule(learning_rate=learning_rate),) * 2,
            torch.Generator().manual_seed(1),
            torch.Generator().manual_seed(2),
            z_dim=4,
        )

    return make
