import copy

import pytest
import torch
from spectral_cases import CHANGING, INPUT_SHAPES, LAYERS
from torch import nn

from steadygan.errors import NetworkError
from steadygan.spectral import SpectralNorm, Until, remove_spectral_norm, singular_values, spectral_norm
from steadygan.spectral.layer import Normalized

KINDS = LAYERS | {"grouped transposed": lambda: nn.ConvTranspose2d(6, 4, 4, groups=2)}


def largest(layer: nn.Module) -> float:
    return float(singular_values(layer).amax())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("coefficient", [1.0, 8.0])
def test_the_largest_singular_value_becomes_the_coefficient(kind, coefficient):
    layer = KINDS[kind]()
    spectral_norm(layer, coefficient).refresh(300)
    assert largest(layer) == pytest.approx(coefficient, rel=1e-4)  # 300 iterations: gap^1200, and float32


def test_reads_have_no_side_effects():
    layer = nn.Linear(8, 8)
    spectral_norm(layer)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    first = layer.weight
    layer.train()(torch.randn(2, 8))
    assert torch.equal(layer.weight, first)
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())


def test_one_refresh_moves_the_vectors_of_all_layers():
    net = nn.Sequential(nn.Linear(30, 30), nn.Linear(30, 30))
    norm = spectral_norm(net)
    before = [layer.weight_u.clone() for layer in net]
    norm.refresh(1)
    assert all(not torch.equal(layer.weight_u, old) for layer, old in zip(net, before, strict=True))


def test_separate_backward_calls_for_real_and_fake():
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    spectral_norm(net)
    real, fake = torch.randn(5, 4), torch.randn(5, 4)
    (net(real).mean() - net(fake).mean()).backward()
    together = [p.grad.clone() for p in net.parameters()]
    net.zero_grad()
    net(real).mean().backward()
    (-net(fake).mean()).backward()
    for parameter, expected in zip(net.parameters(), together, strict=True):
        assert torch.allclose(parameter.grad, expected, atol=1e-6)  # sums of 5 float32 terms of size 1


@pytest.mark.parametrize("kind", ["linear", "conv2d", "transposed"])
def test_gradients_are_those_of_torchs_parametrization(kind):
    """Same u, v: same gradient, to second order (as R1 needs); float64, so 1e-10 is far above rounding."""
    ours, theirs = KINDS[kind]().double(), None
    theirs = copy.deepcopy(ours)
    spectral_norm(ours)
    torch.nn.utils.parametrizations.spectral_norm(theirs)
    theirs.eval()  # else each read moves its vectors
    other = theirs.parametrizations.weight[0]
    other._u.data, other._v.data = ours.weight_u.clone(), ours.weight_v[0].clone()
    x = torch.randn(INPUT_SHAPES[kind], dtype=torch.float64)
    gradients = [second_order_gradient(net, x) for net in (ours, theirs)]
    assert torch.allclose(*gradients, atol=1e-10)


def second_order_gradient(net: nn.Module, x: torch.Tensor) -> torch.Tensor:
    x = x.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(net(x).tanh().sum(), x, create_graph=True)
    loss = slope.square().sum() + net(x).square().sum()
    raw = net.parametrizations.weight.original if hasattr(net, "parametrizations") else net._parameters["weight"]
    return torch.autograd.grad(loss, raw)[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", CHANGING)
def test_gradients_of_every_mode_and_layer(mode, kind):
    """Both ways of computing them: the short form of the memory, and autograd through the formula, once and twice."""
    layer = KINDS[kind]().double()
    one = spectral_norm(layer, 0.1, mode=mode).weights[0]
    raw, gain = one.raw, one.gain
    us, vs = one.us(), [basis[0] for basis in one.bases()]
    assert torch.equal(layer.weight, one.formula(raw, us, vs, gain))
    inputs = (raw,) if gain is None else (raw, gain)
    gradient = torch.randn_like(raw)
    short = torch.autograd.grad(layer.weight, inputs, gradient, retain_graph=True)
    full = torch.autograd.grad(one.formula(raw, us, vs, gain), inputs, gradient)
    twice = torch.autograd.grad(layer.weight, inputs, gradient, create_graph=True)
    for found, again, expected in zip(short, twice, full, strict=True):
        assert torch.allclose(found, expected, rtol=1e-12, atol=1e-14)
        assert torch.allclose(again, expected, rtol=1e-12, atol=1e-14)
    formula = lambda weight: one.formula(weight, us, vs, gain)  # noqa: E731
    weight = raw.detach().clone().requires_grad_(True)
    assert torch.autograd.gradcheck(formula, weight, fast_mode=True)
    assert torch.autograd.gradgradcheck(formula, weight, fast_mode=True)


def test_changing_a_weight_before_its_backward_pass_is_refused():
    layer = nn.Linear(4, 4)
    spectral_norm(layer)
    loss = layer(torch.ones(1, 4)).sum()
    with torch.no_grad():
        layer._parameters["weight"].mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_a_strangers_loop_refreshes_once_an_update():
    net = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 1))
    (group,) = {one.group for one in spectral_norm(net).weights}
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    for step in range(5):
        assert group.refreshes == 1 + step
        net(torch.randn(3, 6)).mean().backward()
        net(torch.randn(3, 6)).mean().backward()
        optimizer.step()
        net(torch.randn(3, 6)).mean().backward()  # as a generator's step would
        assert group.refreshes == 2 + step


def test_modes_in_closed_form():
    """A diagonal weight with singular values 4 and 1, coefficient 2."""
    expected = {"hard": [2.0, 0.5], "soft": [2.0, 0.5], "gain": [2.0, 0.5], "initial": [4.0, 1.0], "measure": [4.0, 1.0]}
    for mode, values in {**expected, "bidirectional": [2.0, 0.5]}.items():
        layer = nn.Linear(2, 2, bias=False)
        layer.weight.data = torch.diag(torch.tensor([4.0, 1.0]))
        norm = spectral_norm(layer, 2.0, mode=mode)
        assert layer.weight.diagonal().tolist() == pytest.approx(values, rel=1e-6)
        assert norm.sigma[""] == pytest.approx(4, rel=1e-6)
    layer.weight.data /= 8
    layer = nn.Linear(2, 2, bias=False)
    layer.weight.data = torch.diag(torch.tensor([0.5, 0.1]))
    spectral_norm(layer, 2.0, mode="soft")
    assert layer.weight.diagonal().tolist() == pytest.approx([0.5, 0.1])  # below the coefficient: left alone


def test_bidirectional_divides_by_the_mean_of_two_readings():
    layer = nn.Conv2d(3, 5, 3)
    raw = layer.weight.detach().clone()
    spectral_norm(layer, mode="bidirectional", n_power_iterations=200).refresh()
    both = [torch.linalg.matrix_norm(m.flatten(1), 2) for m in (raw, raw.transpose(0, 1))]
    assert torch.allclose(layer.weight, raw / (sum(both) / 2), rtol=1e-5)


def test_iterations_by_number_schedule_and_residual():
    asked = []
    net = nn.Linear(40, 40)
    norm = spectral_norm(net, n_power_iterations=lambda refreshes: asked.append(refreshes) or 2)
    norm.refresh(), norm.refresh()
    assert asked == [1, 2]
    norm = spectral_norm(nn.Linear(40, 40), n_power_iterations=Until(residual=1e-2, at_most=50))
    with torch.no_grad():
        norm.weights[0].raw.copy_(torch.randn(40, 40))
    norm.refresh()
    assert 0 <= norm.residual[""] <= 1e-2


def test_a_zero_weight_stays_zero_and_recovers():
    layer = nn.Linear(4, 4)
    norm = spectral_norm(layer)
    raw = layer._parameters["weight"]
    with torch.no_grad():
        raw.zero_()
    norm.refresh()
    assert torch.equal(layer.weight, torch.zeros(4, 4))
    layer(torch.ones(1, 4)).sum().backward()
    assert raw.grad.isfinite().all()
    with torch.no_grad():
        raw.copy_(torch.randn(4, 4))
    norm.refresh(200)
    assert largest(layer) == pytest.approx(1, rel=1e-4)


def test_a_nan_step_does_not_poison_the_vectors():
    layer = nn.Linear(4, 4)
    norm = spectral_norm(layer)
    raw, good = layer._parameters["weight"], layer._parameters["weight"].detach().clone()
    with torch.no_grad():
        raw.fill_(float("nan"))
        norm.refresh()
        raw.copy_(good)
    norm.refresh(200)
    assert largest(layer) == pytest.approx(1, rel=1e-4)


def test_copies_are_independent():
    net = nn.Sequential(nn.Linear(6, 6))
    spectral_norm(net)
    twin = copy.deepcopy(net)
    u = net[0].weight_u.clone()
    SpectralNorm.of(twin).refresh(5)
    assert torch.equal(net[0].weight_u, u)


def test_the_same_layer_name_starts_the_same_everywhere():
    layers = [nn.Sequential(nn.Linear(5, 5)) for _ in range(2)]
    layers[1].load_state_dict(layers[0].state_dict())
    for layer in layers:
        torch.manual_seed(hash(id(layer)) % 1000)
        spectral_norm(layer)
    assert torch.equal(layers[0][0].weight, layers[1][0].weight)


def test_removing_bakes_the_weights():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4, 2))
    names = list(net.state_dict())
    spectral_norm(net)
    used = [layer.weight.clone() for layer in (net[0], net[2])]
    remove_spectral_norm(net)
    assert sorted(net.state_dict()) == sorted(names)
    assert all(torch.equal(layer.weight, weight) for layer, weight in zip((net[0], net[2]), used, strict=True))
    assert not any(isinstance(layer, Normalized) for layer in net)


def test_removing_from_a_copy_leaves_the_original_normalized():
    net = nn.Sequential(nn.Linear(6, 6))
    norm = spectral_norm(net)
    remove_spectral_norm(copy.deepcopy(net))
    norm.refresh(200)
    assert largest(net[0]) == pytest.approx(1, rel=1e-4)


def test_mistakes_are_refused():
    net = nn.Linear(3, 3)
    spectral_norm(net)
    with pytest.raises(NetworkError, match="applying twice stacks"):
        spectral_norm(net)
    with pytest.raises(NetworkError, match="no linear"):
        spectral_norm(nn.BatchNorm2d(3))


def test_bfloat16_modules_keep_float32_vectors():
    layer = nn.Linear(16, 16)
    spectral_norm(layer).refresh(100)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        weight = layer.weight
    assert weight.dtype == torch.float32
    assert float(torch.linalg.matrix_norm(weight.detach().double(), 2)) == pytest.approx(1, rel=1e-4)
