import copy

import pytest
import torch
from torch import nn

from steadygan.errors import NetworkError
from steadygan.game import Batch, Networks, judged
from steadygan.losses import Hinge, RelativisticPairing
from steadygan.spectral import SpectralNorm
from steadygan.stabilizers import R1, SpectralNormalization
from steadygan.stabilizers.base import Stabilizer
from steadygan.training import Method, discriminator_step, generator_step
from steadygan.training.step import frozen, gradient_norm


def batch_of(networks, n=8):
    z = torch.randn(n, 4)
    real = torch.rand(n, 1, 8, 8) * 2 - 1
    return Batch(real, networks.generator(z), None, None, 0, torch.Generator().manual_seed(0), z=z)


def detached(batch):
    return Batch(batch.real, batch.fake.detach(), None, None, 0, batch.random)


def test_one_update_is_the_gradient_of_loss_plus_penalty(networks):
    """With SGD at rate 1 the change of every weight is minus its gradient, computed here by hand."""
    twin = copy.deepcopy(networks.discriminator)
    batch = detached(batch_of(networks))
    real, fake = twin(batch.real), twin(batch.fake)
    images = batch.real.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(twin(images).sum(), images, create_graph=True)
    loss = torch.relu(1 - real).mean() + torch.relu(1 + fake).mean() + 2 * slope.square().flatten(1).sum(1).mean()
    expected = torch.autograd.grad(loss, list(twin.parameters()), allow_unused=True)
    optimizer = torch.optim.SGD(networks.discriminator.parameters(), lr=1.0)
    before = [p.clone() for p in networks.discriminator.parameters()]
    readings = discriminator_step(networks, batch, Method(Hinge(), (R1(gamma=4),)), optimizer)
    for old, parameter, gradient in zip(before, networks.discriminator.parameters(), expected, strict=True):
        gradient = torch.zeros_like(old) if gradient is None else gradient
        assert torch.allclose(old - parameter, gradient, atol=1e-5)  # float32, gradients of size 1
    assert set(readings) >= {"loss/discriminator", "penalty/r1", "logit/real", "logit/fake", "grad_norm/discriminator"}
    assert float(sum(readings[name] for name in ("loss/discriminator", "penalty/r1"))) == pytest.approx(loss.item(), rel=1e-5)


def test_the_generators_step_leaves_the_discriminator_alone(networks):
    before = {name: value.clone() for name, value in networks.discriminator.state_dict().items()}
    optimizer = torch.optim.SGD(networks.generator.parameters(), lr=1.0)
    generator_step(networks, batch_of(networks), Method(Hinge()), optimizer)
    assert all(torch.equal(value, before[name]) for name, value in networks.discriminator.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in networks.discriminator.parameters())


def test_the_generator_moves_its_images_uphill(networks):
    batch = batch_of(networks)
    before = networks.discriminator(batch.fake).mean()
    optimizer = torch.optim.SGD(networks.generator.parameters(), lr=1e-3)
    generator_step(networks, batch, Method(Hinge()), optimizer)
    assert networks.discriminator(networks.generator(batch.z)).mean() > before


def test_relativistic_loss_sees_real_logits(networks):
    optimizer = torch.optim.SGD(networks.generator.parameters(), lr=0.0)
    batch = batch_of(networks)
    reading = generator_step(networks, batch, Method(RelativisticPairing()), optimizer)["loss/generator"]
    real, fake = networks.discriminator(batch.real), networks.discriminator(batch.fake)
    assert reading.item() == pytest.approx(nn.functional.softplus(real - fake).mean().item(), rel=1e-5)


def test_spectral_norm_refreshes_once_an_update(networks):
    SpectralNormalization().prepare(networks)
    (group,) = {one.group for one in SpectralNorm.of(networks.discriminator).weights}
    before = group.refreshes
    optimizer = torch.optim.SGD(networks.discriminator.parameters(), lr=0.1)
    discriminator_step(networks, detached(batch_of(networks)), Method(Hinge(), (SpectralNormalization(), R1())), optimizer)
    assert group.refreshes == before + 1


class Doubled(Stabilizer):
    name: str = "doubled"

    def transform(self, images, batch):
        return 2 * images


def test_real_and_fake_go_through_the_same_view(networks):
    seen = []
    networks.discriminator.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    batch = detached(batch_of(networks))
    optimizer = torch.optim.SGD(networks.discriminator.parameters(), lr=0.1)
    discriminator_step(networks, batch, Method(Hinge(), (Doubled(),)), optimizer)
    assert torch.equal(seen[0], 2 * batch.real)
    assert torch.equal(seen[1], 2 * batch.fake)


def test_column_logits_are_refused():
    with pytest.raises(NetworkError, match=r"got \[3, 1\]; return logits.flatten"):
        judged(lambda images, label: images[:, :1], torch.zeros(3, 4), None)


def test_frozen_gives_back_what_it_took():
    net = nn.Linear(2, 2)
    net.bias.requires_grad_(False)
    with frozen(net):
        assert not net.weight.requires_grad
    assert net.weight.requires_grad
    assert not net.bias.requires_grad


def test_gradient_norm_in_closed_form():
    net = nn.Linear(1, 1)
    net.weight.grad, net.bias.grad = torch.tensor([[3.0]]), torch.tensor([4.0])
    assert gradient_norm(torch.optim.SGD(net.parameters())) == 5


def test_networks_are_what_the_user_gave(networks):
    assert isinstance(networks, Networks)
