"""Whatever a training loop does between two updates: all of it sees the same weights, and gradients are autograd's."""

import itertools

import pytest
import torch
from spectral_cases import images, network, penalty
from spectral_readings import close, equal, gradients
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from steadygan.spectral import MODES, SpectralNorm, spectral_norm


def read(net: nn.Module) -> list[Tensor]:
    return [one.read().detach().clone() for one in SpectralNorm.of(net).weights]


def vectors(net: nn.Module) -> list[Tensor]:
    return [buffer.clone() for buffer in net.buffers()]


def real(net: nn.Module) -> None:
    net(images(1)).mean().backward()


def fake(net: nn.Module) -> None:
    net(images(2)).mean().backward()


def r1(net: nn.Module) -> None:
    penalty(net, images(3)).backward()


def wgan_gp(net: nn.Module) -> None:
    ((penalty(net, images(4).lerp(images(5), 0.3)) + 1e-8).sqrt() - 1).square().backward()


def generator_frozen(net: nn.Module) -> None:
    net.requires_grad_(False)
    (net(images(6).requires_grad_(True))).mean().backward()
    net.requires_grad_(True)


def generator(net: nn.Module) -> None:
    net(images(7).requires_grad_(True)).mean().backward()
    net.zero_grad()


def evaluation(net: nn.Module) -> None:
    net.eval()
    with torch.no_grad():
        net(images(8))
    net.train()


def inference(net: nn.Module) -> None:
    with torch.inference_mode():
        net(images(9))
    net.eval()
    with torch.inference_mode():
        net(images(9))
    net.train()


def logged(net: nn.Module) -> None:
    norm = SpectralNorm.of(net)
    assert len(norm.sigma) == len(norm.residual) == 4


def checkpointed(net: nn.Module) -> None:
    checkpoint(net, images(10), use_reentrant=False).mean().backward()


USES = [real, fake, r1, wgan_gp, generator_frozen, generator, evaluation, inference, logged, checkpointed]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("first", USES)
def test_every_use_between_two_updates_sees_the_same_weights(mode, first):
    """Whichever comes first after the update; there is one refresh for it, and no more."""
    net = network()
    norm = spectral_norm(net, mode=mode)
    group = norm.weights[0].group
    real(net)
    torch.optim.Adam(net.parameters(), 0.05).step()
    first(net)
    weights, buffers = read(net), vectors(net)
    assert group.refreshes == 2
    for use in [*USES, *reversed(USES)]:
        use(net)
        assert equal(read(net), weights), use.__name__
    assert equal(vectors(net), buffers)
    assert group.refreshes == 2


def test_an_evaluation_before_the_first_training_pass_of_a_step_changes_nothing_for_it():
    nets = [network(), network()]
    for net in nets:
        spectral_norm(net)
        real(net)
        torch.optim.Adam(net.parameters(), 0.05).step()
    before = vectors(nets[0])
    evaluation(nets[0])
    assert equal(vectors(nets[0]), before)
    for net in nets:
        real(net)
    assert equal(read(nets[0]), read(nets[1]))
    assert equal(vectors(nets[0]), vectors(nets[1]))


@pytest.mark.parametrize("automatic", [True, False])
def test_training_with_evaluations_is_training_without(automatic):
    """Bit for bit: evaluations, inference mode, logging and penalties without a step, between any two lines of the loop."""
    nets = [network(), network()]
    between = itertools.cycle([evaluation, inference, logged, generator_frozen])
    for net, busy in zip(nets, [True, False], strict=True):
        norm = spectral_norm(net, automatic=automatic)
        optimizer = torch.optim.Adam(net.parameters(), 0.01)
        for step in range(6):
            optimizer.zero_grad()
            if busy:
                next(between)(net)
            loss = net(images(step)).square().mean() + 0.1 * penalty(net, images(50 + step))
            if busy:
                next(between)(net)
            loss.backward()
            if busy:
                next(between)(net)
            optimizer.step()
            if not automatic:
                norm.refresh()
    assert equal(nets[0].state_dict().values(), nets[1].state_dict().values())


def test_u_and_v_of_eval_mode_stay_put_whatever_happens_to_the_weights():
    net = network()
    spectral_norm(net)
    net.eval()
    before = vectors(net)
    for _ in range(3):
        with torch.no_grad():
            for one in SpectralNorm.of(net).weights:
                one.raw.add_(torch.randn_like(one.raw))
        net(images())
    assert equal(vectors(net), before)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("automatic", [True, False])
def test_activation_checkpointing(mode, reentrant, automatic):
    """The recomputation sees the weights of the first pass: gradients are those without checkpointing."""
    nets = [network(), network()]
    for net, memory_saving in zip(nets, [True, False], strict=True):
        norm = spectral_norm(net, mode=mode, automatic=automatic)
        optimizer = torch.optim.SGD(net.parameters(), 0.1)
        for step in range(3):
            inputs = images(step).requires_grad_(True)
            half = checkpoint(net[:4], inputs, use_reentrant=reentrant) if memory_saving else net[:4](inputs)
            output = checkpoint(net[4:], half, use_reentrant=reentrant) if memory_saving else net[4:](half)
            optimizer.zero_grad()
            output.square().mean().backward()
            optimizer.step()
            if not automatic:
                norm.refresh()
        assert norm.weights[0].group.refreshes == 4  # one at the start, one after each step
    assert close(gradients(nets[0]), gradients(nets[1]))
    assert close(nets[0].parameters(), nets[1].parameters())
