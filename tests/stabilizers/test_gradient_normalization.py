import copy
import pickle

import pytest
import torch
from torch import nn

from steadygan.errors import ConfigError
from steadygan.game import Networks, judged
from steadygan.spectral import SpectralNorm
from steadygan.stabilizers import GradientNormalization, SpectralNormalization
from steadygan.stabilizers.gradient_penalty import squared_gradient_norm


class Bent(nn.Module):
    """Linear in pieces: images or points of 12 numbers -> logits."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(12, 16), nn.LeakyReLU(0.2), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1))
        self.steepness = nn.Embedding(3, 1)

    def forward(self, images, label=None):
        logits = self.body(images.flatten(1)).flatten()
        return logits if label is None else logits * self.steepness(label).flatten()


def normalized(network):
    GradientNormalization().prepare(Networks(nn.Identity(), network))
    return network


def test_a_plane_in_closed_form(plane, make_batch):
    """f = 3 x + 4 y has slope 5 everywhere: at (1, 3) f is 15, so 15 / (5 + 15)."""
    points = torch.tensor([[1.0, 3.0], [-1.0, -3.0], [4.0, -3.0], [0.0, 1.25]])
    logits = normalized(plane)(points, None)
    # Sums and quotients of a few small numbers in float32: at most 4 roundings of 6e-8.
    torch.testing.assert_close(logits, torch.tensor([0.75, -0.75, 0.0, 0.5]), rtol=3e-7, atol=0)


def test_labels_and_images(plane):
    """Label l makes the plane (1 + l) times as steep and as high: the quotient is the same for each sample by itself."""
    images = torch.tensor([[1.0, 3.0], [1.0, 3.0], [0.0, 1.25]]).view(3, 1, 1, 2)
    logits = normalized(plane)(images, torch.tensor([0, 2, 1]))
    torch.testing.assert_close(logits, torch.tensor([0.75, 0.75, 0.5]), rtol=3e-7, atol=0)


@pytest.mark.parametrize("shape", [(200, 12), (200, 3, 2, 2)], ids=["points", "images"])
@pytest.mark.parametrize("labelled", [False, True])
def test_bounded_by_one_and_one_lipschitz_on_each_piece(shape, labelled):
    """The slope of the normalized logit is (s / (s + |f|))^2, with the slope s of a network that is linear in pieces."""
    plain, images = Bent().double(), 3 * torch.randn(shape, dtype=torch.float64)
    label = torch.randint(3, (200,)) if labelled else None
    slope, logits = squared_gradient_norm(plain, images, label).sqrt(), plain(images, label)
    network = normalized(copy.deepcopy(plain))
    found = squared_gradient_norm(network, images, label).sqrt()
    # float64 sums of at most 16 terms: 1e-10 leaves a factor of 10 000 over the rounding.
    torch.testing.assert_close(found, (slope / (slope + logits.abs())).square(), rtol=1e-10, atol=1e-12)
    assert found.max() <= 1
    assert network(images, label).abs().max() <= 1


def test_the_weights_learn_through_the_slope():
    """The derivative by the weights is that of finite differences: the double backward pass is there."""
    network, images = normalized(Bent().double()), torch.randn(5, 12, dtype=torch.float64)
    weights = [network.body[0].weight, network.body[2].weight, network.body[4].bias]
    assert torch.autograd.gradcheck(lambda *_: network(images), weights)


def test_the_generator_learns_through_the_slope_too():
    """With a smooth network, whose slope changes: by the images the derivative is that of finite differences."""
    network = Bent().double()
    network.body[1] = network.body[3] = nn.Tanh()
    images = torch.randn(3, 12, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(normalized(network), (images,))


def test_a_factor_changes_nothing_so_spectral_norm_of_the_last_layer_is_in_vain():
    plain, images = Bent().double(), torch.randn(20, 12, dtype=torch.float64)
    network = normalized(plain)
    before = network(images)
    with torch.no_grad():
        network.body[4].weight *= 7
        network.body[4].bias *= 7
    # A factor costs one rounding of 1e-16 in each of a few places.
    torch.testing.assert_close(network(images), before, rtol=1e-13, atol=0)


@pytest.mark.parametrize("order", [1, -1])
def test_stands_beside_spectral_norm(order):
    networks = Networks(nn.Identity(), Bent())
    for stabilizer in (GradientNormalization(), SpectralNormalization())[::order]:
        stabilizer.prepare(networks)
    SpectralNormalization().project(networks.discriminator, 0)
    assert len(SpectralNorm.of(networks.discriminator).layers) == 4
    assert networks.discriminator(torch.randn(4, 12)).abs().max() <= 1


def test_nothing_is_not_a_number_where_the_network_is_flat_zero():
    network = Bent()
    nn.init.zeros_(network.body[4].weight), nn.init.zeros_(network.body[4].bias)
    logits = normalized(network)(torch.randn(4, 12))
    assert torch.equal(logits, torch.zeros(4))
    logits.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in network.body.parameters() if p.grad is not None)


def test_without_a_graph_the_same_numbers_and_no_graph():
    network, images = normalized(Bent()), torch.randn(4, 12)
    with torch.no_grad():
        logits = network(images)
    assert not logits.requires_grad
    assert not images.requires_grad
    assert torch.equal(logits, network(images))


def test_a_frozen_discriminator_passes_the_gradient_to_the_images():
    network, images = normalized(Bent()).requires_grad_(False), torch.randn(4, 12, requires_grad=True)
    network(images).sum().backward()
    assert images.grad.abs().sum() > 0


def test_under_autocast_the_logits_are_float32_and_bounded():
    network, images = normalized(Bent()), torch.randn(64, 12)
    exact = network(images)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = network(images)
    assert logits.dtype == torch.float32
    assert logits.abs().max() <= 1
    # Three products in bfloat16, forth and back, of 4e-3 each; 0.1 is far from what a wrong slope would give.
    assert (logits - exact).abs().max() < 0.1


def test_weights_keep_their_names_and_copies_work():
    plain = Bent()
    names, images = list(plain.state_dict()), torch.randn(4, 12)
    network = normalized(plain)
    assert list(network.state_dict()) == names
    assert isinstance(network, Bent)
    for twin in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert torch.equal(twin(images), network(images))
        assert type(twin) is type(network)
        assert twin.body[0].weight is not network.body[0].weight


def test_logits_of_the_wrong_shape_are_refused_as_ever():
    class Wrong(Bent):
        def forward(self, images, label=None):
            return super().forward(images, label).unsqueeze(1)

    with pytest.raises(Exception, match="must be"):
        judged(normalized(Wrong()), torch.randn(4, 12), None)


def test_twice_is_an_error():
    network = normalized(Bent())
    with pytest.raises(ConfigError, match="stands twice"):
        normalized(network)
