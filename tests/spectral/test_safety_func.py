"""torch.func: functional_call, grad, vmap, jacrev, whichever state the memory is in."""

import copy

import pytest
import torch
from spectral_readings import equal
from torch import Tensor, nn
from torch.func import functional_call, grad, jacrev, jvp, vmap

from steadygan.monitoring.quiet import Quiet
from steadygan.spectral import MODES, SpectralNorm, spectral_norm


def network() -> nn.Sequential:
    torch.manual_seed(8)
    return nn.Sequential(nn.Linear(4, 7), nn.Softplus(), nn.Linear(7, 5), nn.Softplus(), nn.Linear(5, 1))


def batch(seed: int = 0) -> Tensor:
    return torch.randn(6, 4, generator=torch.Generator().manual_seed(seed))


def fresh(net: nn.Module) -> nn.Module:
    return net


def copied(net: nn.Module) -> nn.Module:
    """With nothing in memory."""
    return copy.deepcopy(net)


def stepped(net: nn.Module) -> nn.Module:
    """With a weight that changed since the last refresh."""
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    net(batch(5)).square().mean().backward()
    optimizer.step()
    net.zero_grad()
    return net


STATES = {"in memory": fresh, "copied": copied, "stepped": stepped}


def prepared(state: str, mode: str = "hard", automatic: bool = True) -> nn.Module:
    net = network()
    spectral_norm(net, mode=mode, automatic=automatic)
    return STATES[state](net)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("automatic", [True, False])
def test_derivatives_with_respect_to_inputs(state, automatic):
    """As the very first thing that happens to the network, too."""
    net = prepared(state, automatic=automatic)
    found = grad(lambda inputs: net(inputs).sum())(batch())
    inputs = batch().requires_grad_(True)
    (expected,) = torch.autograd.grad(net(inputs).sum(), inputs)
    assert torch.allclose(found, expected, atol=1e-6)


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # torch's own, inside jvp
@pytest.mark.parametrize("state", STATES)
def test_vmap_jacrev_and_jvp_over_inputs(state):
    net = prepared(state)
    each = vmap(lambda row: net(row))(batch())
    assert torch.allclose(each, net(batch()), atol=1e-6)
    rows = vmap(jacrev(lambda row: net(row)))(batch())
    slopes = vmap(grad(lambda row: net(row).sum()))(batch())
    assert torch.allclose(rows.squeeze(1), slopes, atol=1e-6)
    _, along = jvp(lambda inputs: net(inputs), (batch(),), (torch.ones(6, 4),))
    assert torch.allclose(along.squeeze(1), slopes.sum(1), atol=1e-5)


@pytest.mark.parametrize("state", STATES)
def test_training_goes_on_after_transforms(state):
    """Nothing of a transform stays behind in memory."""
    net = prepared(state)
    for step in range(12):
        if step % 3 == 0:
            grad(lambda inputs: net(inputs).sum())(batch(step))
            vmap(lambda row: net(row))(batch(step))
        optimizer = torch.optim.SGD(net.parameters(), 0.05)
        optimizer.zero_grad()
        net(batch(step)).square().mean().backward()
        optimizer.step()
    norm = SpectralNorm.of(net)
    norm.refresh(20)
    assert all(float(torch.linalg.matrix_norm(one.read().detach(), 2)) == pytest.approx(1, rel=1e-4) for one in norm.weights)


@pytest.mark.parametrize("mode", MODES)
def test_functional_call_with_parameters_as_arguments(mode):
    """Gradients of a function of the stored weights are those that backward gives."""
    net = prepared("in memory", mode)
    net(batch()).square().mean().backward()
    given = {name: parameter.detach() for name, parameter in net.named_parameters()}
    found = grad(lambda given: functional_call(net, given, (batch(),)).square().mean())(given)
    for name, parameter in net.named_parameters():
        assert torch.allclose(found[name], parameter.grad, rtol=1e-4, atol=1e-6), name


@pytest.mark.parametrize("mode", MODES)
def test_gradients_of_each_sample(mode):
    net = prepared("in memory", mode)
    given = {name: parameter.detach() for name, parameter in net.named_parameters()}

    def loss(given: dict[str, Tensor], row: Tensor) -> Tensor:
        return functional_call(net, given, (row,)).square().sum()

    each = vmap(grad(loss), (None, 0))(given, batch())
    for row in range(6):
        net.zero_grad()
        net(batch()[row]).square().sum().backward()
        for name, parameter in net.named_parameters():
            assert torch.allclose(each[name][row], parameter.grad, rtol=1e-4, atol=1e-6), name


def test_an_ensemble_of_stored_weights():
    """vmap over the parameters: each member is divided by its own u'Wv."""
    net = prepared("in memory")
    members = {
        name: torch.stack([parameter.detach() * scale for scale in (1, 2, 3)]) for name, parameter in net.named_parameters()
    }
    inputs = batch()
    outputs = vmap(lambda given: functional_call(net, given, (inputs,)))(members)
    assert torch.allclose(outputs[0], net(batch()), atol=1e-6)
    assert not torch.allclose(outputs[1], outputs[0])  # the biases are doubled, the weights are not


def test_functional_call_leaves_the_network_as_it_was():
    net = prepared("in memory")
    before = copy.deepcopy(net.state_dict())
    group = SpectralNorm.of(net).weights[0].group
    refreshes = group.refreshes
    given = {name: torch.randn_like(parameter) for name, parameter in net.named_parameters()}
    functional_call(net, given, (batch(),)).sum()
    net(batch())
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert group.refreshes == refreshes


@pytest.mark.parametrize("automatic", [True, False])
@pytest.mark.parametrize("by", ["optimizer", "hand"])
def test_calls_on_copied_buffers_lose_no_refresh_and_add_none(automatic, by):
    """`Quiet` puts copies in the place of the buffers. Training with such calls is training without, bit for bit."""
    nets = [network(), network()]
    for net, quiet in zip(nets, [True, False], strict=True):
        norm = spectral_norm(net, automatic=automatic)
        optimizer = torch.optim.Adam(net.parameters(), 0.01)
        for step in range(6):
            if quiet:
                heard = Quiet(net)(batch(50 + step))
            loss = net(batch(step)).square().mean()
            if quiet:
                assert torch.equal(heard, net(batch(50 + step)))
                Quiet(net)(batch(60 + step))
            optimizer.zero_grad()
            loss.backward()
            if by == "optimizer":
                optimizer.step()
            else:
                with torch.no_grad():
                    for parameter in net.parameters():
                        parameter.sub_(0.1 * parameter.grad)
            if not automatic:
                norm.refresh()
    assert equal(nets[0].state_dict().values(), nets[1].state_dict().values())


def test_a_schedule_of_iterations_does_not_count_calls_on_copied_buffers_twice():
    asked: list[int] = []
    net = network()
    spectral_norm(net, n_power_iterations=lambda count: asked.append(count) or 2)
    for _ in range(3):
        optimizer = torch.optim.SGD(net.parameters(), 0.01)
        net(batch()).mean().backward()
        optimizer.step()
        Quiet(net)(batch())
    assert asked == [1, 2, 3]  # application had its own number
