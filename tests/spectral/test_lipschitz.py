import copy
import dataclasses
import importlib
import math

import pytest
import torch
from torch import nn

from steadygan.errors import NetworkError
from steadygan.networks import Dcgan, Mlp, Resnet, Spec
from steadygan.spectral import spectral_norm
from steadygan.spectral.following.forward import State
from steadygan.spectral.lipschitz import Bounds, lipschitz

file = importlib.import_module("steadygan.spectral.lipschitz")  # the package has a function of that name


class Residual(nn.Module):
    def __init__(self, branch, shortcut=None):
        super().__init__()
        self.branch, self.shortcut = branch, shortcut or nn.Identity()

    def forward(self, x):
        return self.shortcut(x) + self.branch(x)


class Joined(nn.Module):
    def __init__(self, *branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], 1)


def sigma(layer):
    return float(torch.linalg.matrix_norm(layer.weight.detach().double(), 2))


@pytest.mark.parametrize("sizes", [(5, 7), (7, 5), (6, 1), (1, 6)])
def test_one_linear_layer_is_exact_from_both_sides(sizes):
    layer = nn.Linear(*sizes)
    bounds = lipschitz(layer, (sizes[0],))
    assert bounds.upper == pytest.approx(sigma(layer), rel=1e-10)
    assert bounds.lower <= sigma(layer)
    assert bounds.lower == pytest.approx(sigma(layer), rel=0.05)  # four power iterations from 32 starts


def test_a_chain_is_the_product_and_a_residual_block_adds_one():
    layers = [nn.Linear(4, 8), nn.Linear(8, 4)]
    chain = nn.Sequential(layers[0], nn.Sigmoid(), layers[1])
    product = sigma(layers[0]) * 0.25 * sigma(layers[1])
    assert lipschitz(chain, (4,)).upper == pytest.approx(product, rel=1e-10)
    assert lipschitz(Residual(chain), (4,)).upper == pytest.approx(1 + product, rel=1e-10)
    assert lipschitz(Residual(nn.Identity()), (4,)).lower == pytest.approx(2, rel=1e-5)


def test_the_lower_bound_finds_the_steepest_place_of_a_bend():
    """Slope 3 where x_0 > 0.5, else 1."""

    class Bend(nn.Module):
        def forward(self, x):
            return x[:, 0] + 2 * torch.relu(x[:, 0] - 0.5)

    bounds = lipschitz(Bend(), (1,))
    assert (bounds.lower, bounds.upper) == (pytest.approx(3, rel=1e-5), 3)


ACTIVATIONS = (
    nn.ReLU,
    lambda: nn.LeakyReLU(0.2),
    nn.Tanh,
    nn.GELU,
    nn.SiLU,
    nn.ELU,
    nn.SELU,
    lambda: nn.PReLU(init=-2.0),
    nn.Mish,
)


def random_network(seed):
    """Convolutions of all kinds, residual blocks, joined branches, pooling and resizing, at random; the shape of its input."""
    draw = torch.Generator().manual_seed(seed)

    def choose(*options):
        return options[int(torch.randint(len(options), (1,), generator=draw))]

    def conv(n_in, n_out):
        groups = 2 if n_in % 2 == n_out % 2 == 0 and choose(True, False) else 1
        mode = choose("zeros", "zeros", "circular", "reflect", "replicate")
        return nn.Conv2d(n_in, n_out, 3, padding=1, groups=groups, padding_mode=mode)

    def block(n):
        act = choose(*ACTIVATIONS)
        return choose(
            lambda: nn.Sequential(conv(n, n), act()),
            lambda: Residual(nn.Sequential(act(), conv(n, 4), choose(*ACTIVATIONS)(), conv(4, n))),
            lambda: Residual(nn.Sequential(conv(n, n), nn.AvgPool2d(2)), nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(n, n, 1))),
            lambda: nn.Sequential(
                nn.Conv2d(n, n, 4, stride=2, padding=1), act(), nn.ConvTranspose2d(n, n, 4, stride=2, padding=1)
            ),
            lambda: nn.Sequential(Joined(conv(n, 2), conv(n, n - 2)), nn.BatchNorm2d(n), act()),
            lambda: nn.Sequential(
                nn.MaxPool2d(3, 1, 1), conv(n, n), nn.Upsample(scale_factor=2, mode=choose("nearest", "bilinear"))
            ),
        )()

    n = choose(4, 6)
    blocks = [block(n) for _ in range(choose(1, 2, 3))]
    head = choose(
        lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(n, 1)),
        lambda: nn.Sequential(nn.AdaptiveMaxPool2d(2), nn.Flatten(), nn.Linear(4 * n, choose(1, 3))),
        lambda: nn.Conv2d(n, 1, 1),
    )()
    network = nn.Sequential(conv(2, n), *blocks, head)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=0.5, generator=draw)
    return network.eval(), (2, 8, 8)


@pytest.mark.parametrize("seed", range(36))
def test_nothing_that_is_found_lies_above_the_upper_bound(seed):
    """Local slopes, and the slope between pairs far and near."""
    network, shape = random_network(seed)
    bounds = lipschitz(network, shape, n_samples=8)
    assert bounds.unknown == ()
    assert 0 < bounds.lower <= bounds.upper < math.inf
    x = torch.randn(16, *shape)
    for step in (1e-2, 1.0, 30.0):
        y = x + step * torch.randn(x.shape)
        slopes = (network(x) - network(y)).flatten(1).norm(dim=1) / (x - y).flatten(1).norm(dim=1)
        assert float(slopes.amax().detach()) <= bounds.upper * (1 + 1e-3)  # float32 differences of values far larger


def test_the_upper_bound_is_never_below_the_jacobian_of_a_shallow_network():
    """Without bends the bound is the product of two norms, the truth the norm of the product."""
    for seed in range(10):
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.AvgPool2d(3, 2, 1), nn.Flatten(), nn.Linear(27, 4)).double()
        bounds = lipschitz(network, (2, 5, 5), n_samples=4)
        jacobian = torch.autograd.functional.jacobian(lambda x, net=network: net(x).sum(0), torch.zeros(1, 2, 5, 5).double())
        truth = float(torch.linalg.matrix_norm(jacobian.reshape(4, 50), 2))
        assert 0.5 * truth <= bounds.lower <= truth <= bounds.upper


@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize(
    ("architecture", "shape"),
    [
        (Dcgan(width=8), (3, 16, 16)),
        (Dcgan(width=8, extra_layers=True, pooling="sum"), (1, 16, 16)),
        (Resnet(width_generator=8, width_discriminator=8), (3, 32, 32)),
        (Mlp(width=16), (2,)),
        (Mlp(width=16, activation_discriminator="tanh"), (1, 8, 8)),
    ],
)
@pytest.mark.parametrize("n_classes", [0, 5])
def test_our_discriminators(architecture, shape, normalized, n_classes):
    discriminator = architecture.build(Spec(shape=shape, n_classes=n_classes)).discriminator
    if normalized:
        spectral_norm(discriminator, mode="hard")
    bounds = lipschitz(discriminator, shape, n_samples=4)
    assert bounds.unknown == ()
    assert 0 < bounds.lower <= bounds.upper < math.inf


def test_spectral_norm_of_a_plain_chain_bounds_it_by_one():
    network = nn.Sequential(nn.Linear(6, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
    assert lipschitz(network, (6,)).upper > 1.05
    spectral_norm(network, mode="hard").refresh(300)
    assert lipschitz(network, (6,)).upper == pytest.approx(1, rel=1e-5)  # three times float32


def test_what_depends_on_the_mode_is_named_in_training():
    network = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Dropout(0), nn.RReLU())
    network[3].train()
    assert lipschitz(network, (4,)).unknown == (
        "1 (BatchNorm1d): batch_norm in training mode mixes the samples of a batch",
        "2 (Dropout): dropout is random in training mode",
        "4 (RReLU): rrelu is random in training mode",
    )
    assert lipschitz(network, (4,)).upper == math.inf
    assert lipschitz(network.eval(), (4,)).unknown == ()


def test_only_what_lies_on_the_way_to_the_output_counts():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Linear(4, 1), nn.LSTM(4, 4, batch_first=True)

        def forward(self, x):
            self.features = self.unused(x[:, None])
            return self.used(x)

    network = Net()
    assert lipschitz(network, (4,)).unknown == ()
    assert not hasattr(network, "features")


def test_it_leaves_no_trace():
    network = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout(), nn.Flatten(), nn.Linear(144, 2)
    )
    network[1].eval()
    network[5].weight.requires_grad_(False)
    spectral_norm(network, mode="hard")
    nn.utils.parametrizations.spectral_norm(network.append(nn.Linear(2, 1))[-1])
    state = copy.deepcopy(network.state_dict())
    modes = [module.training for module in network.modules()]
    keys = [set(vars(module)) for module in network.modules()]
    random = torch.get_rng_state()
    lipschitz(network, (2, 8, 8))
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    assert [module.training for module in network.modules()] == modes
    assert [set(vars(module)) for module in network.modules()] == keys
    assert all(parameter.grad is None for parameter in network.parameters())
    assert torch.equal(torch.get_rng_state(), random)
    network(torch.randn(2, 2, 8, 8)).sum().backward()


def test_it_says_the_same_twice_and_within_no_grad():
    network, shape = random_network(3)
    with torch.no_grad():
        first = lipschitz(network, shape)
    torch.rand(1)
    assert lipschitz(network, shape) == first


def test_no_search():
    assert lipschitz(nn.Linear(2, 2), (2,), n_samples=0).lower == 0


def test_large_networks_are_searched_at_fewer_places(monkeypatch):
    seen = []
    monkeypatch.setattr(file, "steepest", lambda function, images: seen.append(len(images)) or 0.0)
    network = nn.Linear(10, 10)  # 200 multiplications for two inputs
    lipschitz(network, (10,))
    monkeypatch.setattr(file, "WORK", 200 * 5)
    lipschitz(network, (10,))
    monkeypatch.setattr(file, "WORK", 1)
    lipschitz(network, (10,))
    assert seen == [32, 5, 2]


def test_a_network_of_indices_has_no_distance():
    bounds = lipschitz(nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(12, 1)), (3,))
    assert bounds == Bounds(0.0, math.inf, ("Sequential: takes indices, between which there is no distance",))


def test_the_wrong_shape_is_refused():
    with pytest.raises(
        NetworkError, match=r"Linear cannot be called with \[5\]: .*; input_shape is that of one input, without"
    ):
        lipschitz(nn.Linear(4, 1), (5,))


def test_a_wrong_bound_would_be_told(monkeypatch):
    """The two bounds check each other."""
    monkeypatch.setattr(file, "followed", lambda *_: State(0.5))
    bounds = lipschitz(nn.Identity(), (2,))
    assert bounds.upper == math.inf
    assert bounds.unknown == ("Identity: found steeper than its bound 0.5",)


def test_bounds_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Bounds(0.0, 1.0).upper = 2.0
