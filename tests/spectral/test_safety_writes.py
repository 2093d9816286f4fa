"""Updates of the stored weights, by every kind of optimizer: what is noticed, when, and what it costs."""

import warnings
from collections.abc import Callable

import pytest
import torch
from spectral_readings import norms
from torch import nn

from steadygan.spectral import SpectralNorm, spectral_norm


def network() -> nn.Sequential:
    torch.manual_seed(4)
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, 1))


def batch() -> torch.Tensor:
    return torch.randn(8, 6)


def refreshes(net: nn.Module) -> int:
    return SpectralNorm.of(net).weights[0].group.refreshes


def backward(net: nn.Module) -> None:
    net.zero_grad()
    (net(batch()).square().mean() - net(batch()).mean()).backward()


OPTIMIZERS = {
    "sgd": lambda parameters: torch.optim.SGD(parameters, 0.05, momentum=0.9),
    "sgd loop": lambda parameters: torch.optim.SGD(parameters, 0.05, foreach=False),
    "sgd fused": lambda parameters: torch.optim.SGD(parameters, 0.05, fused=True),
    "adam": lambda parameters: torch.optim.Adam(parameters, 0.01),
    "adam loop": lambda parameters: torch.optim.Adam(parameters, 0.01, foreach=False),
    "adam fused": lambda parameters: torch.optim.Adam(parameters, 0.01, fused=True),
    "adamw fused": lambda parameters: torch.optim.AdamW(parameters, 0.01, fused=True),
    "rmsprop": lambda parameters: torch.optim.RMSprop(parameters, 1e-3),
    "adagrad fused": lambda parameters: torch.optim.Adagrad(parameters, 1e-3, fused=True),
}


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_one_refresh_for_each_step_of_an_optimizer(kind):
    net = network()
    spectral_norm(net)
    optimizer = OPTIMIZERS[kind](net.parameters())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for step in range(12):
            backward(net)
            assert refreshes(net) == 1 + step
            optimizer.step()
    net(batch())
    assert norms(net) == pytest.approx([1.0] * 3, rel=0.02)  # residual 0.03 or 8 iterations


@pytest.mark.parametrize("how", ["no_grad", "inference_mode"])
def test_updates_under_no_grad_are_noticed_at_once(how):
    net = network()
    spectral_norm(net)
    guard = torch.no_grad if how == "no_grad" else torch.inference_mode
    for step in range(5):
        backward(net)
        assert refreshes(net) == 1 + step
        with guard():
            for parameter in net.parameters():
                parameter.sub_(0.1 * parameter.grad)


def write_each(net: nn.Module) -> None:
    for parameter in net.parameters():
        parameter.data.sub_(0.1 * parameter.grad.data)


def train(net: nn.Module, steps: int, write: Callable[[nn.Module], None]) -> None:
    for _ in range(steps):
        backward(net)
        write(net)


def write_vector(net: nn.Module) -> None:
    vector = nn.utils.parameters_to_vector(net.parameters())
    gradient = nn.utils.parameters_to_vector([parameter.grad for parameter in net.parameters()])
    nn.utils.vector_to_parameters((vector - 0.1 * gradient).detach(), net.parameters())


def write_new(net: nn.Module) -> None:
    for parameter in net.parameters():
        parameter.data = parameter.data - 0.1 * parameter.grad.data


WRITES = {"p.data.sub_()": write_each, "vector_to_parameters": write_vector, "p.data = ...": write_new}


@pytest.mark.parametrize("how", WRITES)
def test_updates_through_data_are_noticed_and_then_right(how):
    net = network()
    spectral_norm(net)
    with pytest.warns(UserWarning, match="changed through .data"):
        train(net, 4, WRITES[how])
    for _ in range(30):
        backward(net)
        WRITES[how](net)
        net(batch())
        assert norms(net) == pytest.approx([1.0] * 3, rel=0.02)


def test_the_warning_comes_once():
    net = network()
    spectral_norm(net)
    with pytest.warns(UserWarning, match="changed through .data") as caught:
        train(net, 10, write_each)
    assert len(caught) == 1


def test_updates_through_data_that_begin_late_are_noticed_within_64_passes():
    net = network()
    spectral_norm(net)
    optimizer = torch.optim.SGD(net.parameters(), 0.01)
    for _ in range(20):
        backward(net)
        optimizer.step()
    with pytest.warns(UserWarning, match="changed through .data"):
        train(net, 33, write_each)  # two passes each
    net(batch())
    assert norms(net) == pytest.approx([1.0] * 3, rel=0.02)


def test_an_explicit_loop_may_write_as_it_likes():
    net = network()
    norm = spectral_norm(net, automatic=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(10):
            backward(net)
            write_each(net)
            norm.refresh()
            assert norms(net) == pytest.approx([1.0] * 3, rel=0.02)


def test_an_explicit_loop_sees_the_same_weights_until_it_refreshes():
    """Without a refresh the stored weight is divided by u'Wv with the old u and v: never by a norm of another weight."""
    net = network()
    norm = spectral_norm(net, automatic=False)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    backward(net)
    optimizer.step()
    assert refreshes(net) == 1
    first = net[0].weight.detach().clone()
    raw, u, v = net[0]._parameters["weight"].detach(), net[0].weight_u, net[0].weight_v[0]
    assert torch.allclose(first, raw / (u @ raw @ v), rtol=1e-5, atol=1e-7)
    net(batch())
    assert torch.equal(net[0].weight, first)
    norm.refresh()
    assert refreshes(net) == 2
    assert not torch.equal(net[0].weight, first)
