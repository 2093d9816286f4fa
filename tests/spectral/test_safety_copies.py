"""Copies and files: deepcopy, pickle, torch.save, state dicts, and going on from them."""

import copy
import gc
import io
import pickle
import weakref

import pytest
import torch
from spectral_cases import images, redraw, saved
from spectral_readings import normalized_norms
from torch import nn

from steadygan.spectral import MODES, SpectralNorm, spectral_norm


def network() -> nn.Sequential:
    torch.manual_seed(2)
    return nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(54, 10), nn.ReLU(), nn.Linear(10, 1))


def train(net: nn.Module, optimizer: torch.optim.Optimizer, seeds: range) -> None:
    """A loop of a stranger, with an explicit refresh after the step where the network is not automatic."""
    for seed in seeds:
        loss = net(images(seed)).square().mean() - net(images(100 + seed)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        norm = SpectralNorm.of(net)
        if norm.weights and not norm.weights[0].group.automatic:
            norm.refresh()


def adam(net: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(net.parameters(), 0.01)


def equal(one: nn.Module, other: nn.Module) -> bool:
    """Same state and same output, to the last bit."""
    states = one.state_dict(), other.state_dict()
    same = all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    return same and states[0].keys() == states[1].keys() and torch.equal(one(images(0)), other(images(0)))


def pickled(net: nn.Module) -> nn.Module:
    twin: nn.Module = pickle.loads(pickle.dumps(net))
    return twin


COPIES = {"deepcopy": copy.deepcopy, "pickle": pickled, "torch.save": saved}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("automatic", [True, False])
@pytest.mark.parametrize("when", ["fresh", "after a step", "after a pass"])
def test_a_copy_goes_the_same_way_as_the_original(mode, how, automatic, when):
    net = network()
    spectral_norm(net, mode=mode, automatic=automatic)
    optimizer = adam(net)
    if when != "fresh":
        train(net, optimizer, range(3))
    if when == "after a pass":
        net(images(7))
    twin = COPIES[how](net)
    twins = adam(twin)
    twins.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    train(net, optimizer, range(3, 6))
    train(twin, twins, range(3, 6))
    assert equal(net, twin)


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_shares_nothing_with_the_original(how):
    net = network()
    spectral_norm(net)
    twin = COPIES[how](net)
    before = copy.deepcopy(net.state_dict())
    train(twin, adam(twin), range(2))
    SpectralNorm.of(twin).set_coefficient(3.0)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert set(SpectralNorm.of(net).coefficient.values()) == {1.0}
    assert not {id(one) for one in SpectralNorm.of(net).weights} & {id(one) for one in SpectralNorm.of(twin).weights}
    assert SpectralNorm.of(net).weights[0].group is not SpectralNorm.of(twin).weights[0].group


@pytest.mark.parametrize("how", COPIES)
def test_the_group_of_a_copied_layer_has_only_that_layer(how):
    net = network()
    spectral_norm(net)
    layer = COPIES[how](net[3])
    (one,) = SpectralNorm.of(layer).weights
    assert one.group.weights == [one]
    assert one.weight.layer is layer
    assert len(SpectralNorm.of(net).weights[0].group.weights) == 3
    before = one.group.refreshes
    train(nn.Sequential(nn.Flatten(), nn.Linear(75, 54), layer, nn.Linear(10, 1)), adam(layer), range(1))
    assert one.group.refreshes == before + 1
    assert SpectralNorm.of(net).weights[0].group.refreshes == before


def test_a_saved_layer_does_not_take_the_network_along():
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(300, 300))
    spectral_norm(net)
    assert len(pickle.dumps(net[0])) < 300 * 300


@pytest.mark.parametrize("how", COPIES)
def test_copies_of_what_an_evaluation_refreshed(how):
    """A pass in evaluation mode finds sigma but leaves the buffers alone; a copy must not take the old ones for found."""
    net = network()
    spectral_norm(net)
    redraw(net)
    net.eval()
    expected = net(images(0))
    assert torch.allclose(COPIES[how](net)(images(0)), expected, rtol=1e-3)  # burn-in ends at residual 0.003: sigma to 1e-5
    assert torch.allclose(net.double().float()(images(0)), expected, rtol=1e-3)
    SpectralNorm.of(net).set_coefficient(1.0)
    assert torch.allclose(net(images(0)), expected, rtol=1e-3)


@pytest.mark.parametrize("automatic", [True, False])
def test_resuming_from_a_state_dict_is_going_on(automatic):
    """Bit for bit, through a file that is read with weights_only."""
    net = network()
    spectral_norm(net, automatic=automatic)
    optimizer = adam(net)
    train(net, optimizer, range(4))
    file = io.BytesIO()
    torch.save({"net": net.state_dict(), "optimizer": optimizer.state_dict()}, file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    twin = network()
    spectral_norm(twin, automatic=automatic)
    twin.load_state_dict(state["net"])
    twins = adam(twin)
    twins.load_state_dict(state["optimizer"])
    train(net, optimizer, range(4, 8))
    train(twin, twins, range(4, 8))
    assert equal(net, twin)


@pytest.mark.parametrize("assign", [True, False])
@pytest.mark.parametrize("kind", ["ours", "plain"])
@pytest.mark.parametrize("automatic", [True, False])
def test_what_is_loaded_reads_normalized_in_evaluation(assign, kind, automatic):
    source = network()
    redraw(source)
    if kind == "ours":
        spectral_norm(source)
    net = network()
    spectral_norm(net, automatic=automatic)
    net.load_state_dict(source.state_dict(), assign=assign)
    net.eval()
    net(images(0))
    assert normalized_norms(net) == pytest.approx([1.0] * 3, rel=1e-3)


def test_a_deleted_network_is_freed():
    """The graph that the weights hold on to must not hold on to the network: else each network of a session stays in memory."""
    net = network()
    spectral_norm(net)
    train(net, adam(net), range(2))
    gone = weakref.ref(net[0])
    del net
    gc.collect()
    assert gone() is None


def test_a_graph_outlives_its_network():
    net = network()
    spectral_norm(net)
    loss = net(images(0)).sum()
    raw = net[0]._parameters["weight"]
    del net
    gc.collect()
    loss.backward()
    assert raw.grad.any()


def test_memory_does_not_grow_with_steps():
    """Each step's normalized weights are freed with the next refresh."""
    net = network()
    spectral_norm(net)
    optimizer = adam(net)
    train(net, optimizer, range(2))
    old = weakref.ref(net[0].weight)
    train(net, optimizer, range(2))
    gc.collect()
    assert old() is None


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("training", [True, False])
def test_changes_of_a_copy_before_its_first_pass_are_noticed(how, training):
    """As an average of weights makes them."""
    net = network()
    spectral_norm(net)
    twin = COPIES[how](net).train(training)
    redraw(twin)
    twin(images(0))
    assert normalized_norms(twin) == pytest.approx([1.0] * 3, rel=0.01)  # residual 0.05 at most
