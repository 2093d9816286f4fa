"""Players, data and setups that lints are shown, sound unless they are told otherwise."""

import torch
import torch.nn.functional as F
from torch import nn

from steadygan.config import Config
from steadygan.data.toy import Ring
from steadygan.game import Networks
from steadygan.networks import Mlp
from steadygan.planning.lints import Setup, lint
from steadygan.spectral import spectral_norm

B = 32


class Own(nn.Module):
    """A network whose forward pass is `function(self, x)`."""

    def __init__(self, function, **layers):
        super().__init__()
        self.function = function
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x, label=None):
        return self.function(self, x)


def points(spacing=1.0):
    """[B, 2], standard normal times `spacing`: two of them lie about 1.7 * spacing apart."""
    return spacing * torch.randn(B, 2, generator=torch.Generator().manual_seed(0))


def images(low=-1.0, high=1.0):
    return torch.rand(B, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * (high - low) + low


def chain(*layers):
    torch.manual_seed(0)
    return Own(lambda self, x: self.body(x), body=nn.Sequential(*layers))


def judge(*middle, end=None):
    """A discriminator of points."""
    return chain(nn.Linear(2, 16), nn.ReLU(), *middle, nn.Linear(16, 1), *((nn.Flatten(0),) if end is None else end))


def viewer(*middle):
    """A discriminator of images."""
    return chain(nn.Conv2d(1, 4, 3), nn.ReLU(), *middle, nn.Flatten(), nn.Linear(144, 1), nn.Flatten(0))


def normalized(network, coefficient=1.0, **options):
    spectral_norm(network, coefficient, **options)
    return network


def setup(discriminator=None, generator=None, real=None, optimizers=(None, None), loss="hinge"):
    real = points(20.0) if real is None else real
    generator = generator or chain(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2))
    z = torch.randn(len(real), 2, generator=torch.Generator().manual_seed(1)) * 20
    return Setup(Networks(generator, discriminator or judge()), optimizers, real, None, z, loss)


def painter(*end, gain=1.0):
    """A generator of images from points."""
    layers = (nn.Linear(2, 64), nn.Unflatten(1, (1, 8, 8)), *end)
    return Own(lambda self, z: gain * self.body(z) if gain != 1 else self.body(z), body=nn.Sequential(*layers))


def adam(network, **options):
    return torch.optim.Adam(network.parameters(), **options)


def decayed(**groups):
    """A normalized discriminator and Adam with the weight decay of each kind of its parameters."""
    network = normalized(judge(), 2.0)
    kinds = {"weight": [], "bias": []}
    for name, parameter in network.named_parameters():
        kinds[name.rpartition(".")[2]].append(parameter)
    parameters = [{"params": kinds[kind], "weight_decay": decay} for kind, decay in groups.items()]
    return setup(network, optimizers=(torch.optim.Adam(parameters), None))


def swapped(network):
    return network.eval()


def by_mode(self, x):
    return self.body(x) + 10 * self.training


def in_code(self, x):
    features = self.first(x)
    return self.last(F.batch_norm(features, None, None, training=True)).flatten()


def momentum(beta1):
    network = judge()
    return setup(network, optimizers=(adam(network, betas=(beta1, 0.9)), None))


def names(*arguments):
    return [each.name for each in lint(*arguments)]


def points_config(**changes):
    return Config(**{"data": Ring(count=1000), "network": Mlp(width=16), "threads": 1, "precision": "float32", **changes})
