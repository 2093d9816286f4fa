"""A network that carries torch's spectral normalization goes on with ours, with the same outputs and the same parameters."""

import copy
import math
import warnings

import pytest
import torch
from spectral_cases import INPUT_SHAPES, LAYERS, TORCHS, tied
from spectral_readings import norms
from torch import nn
from torch.nn.utils import parametrizations, parametrize, weight_norm
from torch.nn.utils import spectral_norm as legacy_norm

from steadygan.errors import NetworkError
from steadygan.spectral import remove_spectral_norm, spectral_norm, weights
from steadygan.spectral.adoption import from_torch

OTHERS = {
    "grouped": (lambda: nn.Conv2d(4, 6, 3, groups=2), "weight"),
    "grouped transposed": (lambda: nn.ConvTranspose2d(6, 4, 4, groups=2), "weight"),
    "attention": (lambda: nn.MultiheadAttention(8, 2), "in_proj_weight"),
}
both = pytest.mark.parametrize("apply", TORCHS.values(), ids=TORCHS)


def trained(net: nn.Module, shape: tuple[int, ...], steps: int = 3) -> nn.Module:
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        net(torch.randn(shape)).square().mean().backward()
        optimizer.step()
    return net


def without_leftovers(layer: nn.Module) -> bool:
    hooks = (layer._forward_pre_hooks, layer._state_dict_hooks, layer._load_state_dict_pre_hooks)
    return not any(hooks) and not hasattr(layer, "parametrizations") and "weight" not in vars(layer)


def blurred(net: nn.Module) -> None:
    """Torch's vectors as they are after an update that moved the weights far."""
    for name, vector in net.named_buffers():
        if name[-2:] in ("_u", "_v"):
            vector.copy_(nn.functional.normalize(vector + 0.4 * torch.randn_like(vector) / len(vector) ** 0.5, dim=0))


@both
@pytest.mark.parametrize("kind", INPUT_SHAPES)
def test_outputs_stay_the_same_until_the_next_update(kind, apply):
    shape = INPUT_SHAPES[kind]
    net = trained(nn.Sequential(apply(LAYERS[kind]())), shape)
    blurred(net)
    x, parameters = torch.randn(shape), list(net.parameters())
    vectors = [value.clone() for name, value in net.state_dict().items() if name[-2:] in ("_u", "_v")]
    expected = net.eval()(x)
    norm = from_torch(net.train(), n_power_iterations=1)
    assert all(new is old for new, old in zip(net.parameters(), parameters, strict=True))  # in the optimizer's order
    assert torch.allclose(net[0].weight_u, vectors[0], atol=1e-6)
    assert torch.allclose(net[0].weight_v[0], vectors[1], atol=1e-6)
    for training in (False, True):
        assert torch.allclose(net.train(training)(x), expected, rtol=1e-5, atol=1e-5)
    trained(net, shape, 1)
    net(x)
    assert norms(net) == pytest.approx([1], rel=0.01)  # the first refresh goes on until a residual of 0.003
    assert max(norm.residual.values()) < 0.05


@both
def test_several_weights_of_one_layer(apply):
    layer, x, y = (
        nn.MultiheadAttention(8, 2, kdim=6, vdim=5),
        torch.randn(3, 1, 8),
        (torch.randn(3, 1, 6), torch.randn(3, 1, 5)),
    )
    for part in "qkv":
        apply(layer, f"{part}_proj_weight")
    layer(x, *y)
    blurred(layer)
    expected = layer.eval()(x, *y)[0]
    norm = from_torch(layer)
    assert list(norm.sigma) == ["q_proj_weight", "k_proj_weight", "v_proj_weight"]
    assert torch.allclose(layer(x, *y)[0], expected, atol=1e-5)
    assert without_leftovers(layer)


@both
def test_nothing_of_torchs_is_left(apply):
    net, fresh = nn.Sequential(apply(nn.Linear(6, 4)), nn.ReLU(), apply(nn.Linear(4, 2))), nn.Sequential()
    net(torch.ones(1, 6))
    from_torch(net)
    fresh = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
    spectral_norm(fresh)
    assert set(net.state_dict()) == set(fresh.state_dict())
    net.load_state_dict(fresh.state_dict())
    assert [type(layer) for layer in net] == [type(layer) for layer in fresh]
    assert without_leftovers(net[0])
    remove_spectral_norm(net)
    assert type(net[0]) is nn.Linear
    assert set(net.state_dict()) == {"0.weight", "0.bias", "2.weight", "2.bias"}


@both
def test_optimizer_flags_and_training_modes_go_on(apply):
    net = nn.Sequential(apply(nn.Linear(6, 4)), apply(nn.Linear(4, 2)).eval())
    next(net[1].parameters()).requires_grad_(False)
    frozen = [parameter.requires_grad for parameter in net.parameters()]
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    net(torch.ones(1, 6)).sum().backward()
    optimizer.step()
    from_torch(net)
    assert [parameter.requires_grad for parameter in net.parameters()] == frozen
    assert [layer.training for layer in net] == [True, False]
    raw = net[0]._parameters["weight"]
    before = raw.detach().clone()
    net(torch.ones(1, 6)).sum().backward()
    optimizer.step()
    assert optimizer.state[raw]["step"] == 2
    assert not torch.equal(raw, before)


def test_a_network_in_training_mode_is_not_iterated_on():
    """Torch iterates in each read of the weight."""
    layer = parametrizations.spectral_norm(nn.Linear(30, 20), n_power_iterations=3)
    layer.weight.sum().item()
    u = layer.parametrizations.weight[0]._u.clone()
    from_torch(layer)
    assert torch.allclose(layer.weight_u, u, atol=1e-6)


def test_random_vectors_of_the_older_api_are_replaced_where_sigma_is_not_positive():
    layer = legacy_norm(nn.Linear(7, 5))
    u, v = layer.weight_u, layer.weight_v
    if u @ layer.weight_orig @ v > 0:
        u.neg_()
    from_torch(layer)
    assert norms(layer) == pytest.approx([1], rel=0.01)


@pytest.mark.parametrize("bad", [0.0, math.nan])
def test_unusable_vectors_are_replaced(bad):
    layer = parametrizations.spectral_norm(nn.Linear(7, 5)).eval()
    layer.parametrizations.weight[0]._v.fill_(bad)
    from_torch(layer)
    assert norms(layer) == pytest.approx([1], rel=0.01)


@both
@pytest.mark.parametrize("kind", OTHERS)
def test_where_torch_took_another_matrix_it_is_said(kind, apply):
    make, parameter = OTHERS[kind]
    net = nn.Sequential(apply(make(), parameter))
    name = "0" if parameter == "weight" else f"0.{parameter}"
    with pytest.warns(UserWarning, match=f"from_torch: of {name} torch normalized another matrix"):
        from_torch(net)
    own = {one.name: one for one in weights(net)}[name]
    each = torch.linalg.matrix_norm(own.matrices(own.value.detach()), 2)
    assert (each if own.apart else each.amax()).tolist() == pytest.approx(3 * [1] if own.apart else 1, rel=0.01)


def test_another_dimension_of_torchs_is_said():
    net = nn.Sequential(parametrizations.spectral_norm(nn.Conv2d(4, 6, 3), dim=1))
    with pytest.warns(UserWarning, match="from_torch: of 0 torch"):
        from_torch(net)
    assert norms(net) == pytest.approx([1], rel=0.01)


@both
def test_tied_weights_stay_tied(apply):
    net = tied()
    for layer in net:
        apply(layer)
    for _ in range(50):
        net(torch.ones(1, 6))  # either layer's vectors get near the same
    expected = net.eval()(torch.ones(1, 6))
    norm = from_torch(net)
    assert net[0]._parameters["weight"] is net[1]._parameters["weight"]
    assert len(norm.weights) == 1
    assert torch.allclose(net(torch.ones(1, 6)), expected, atol=1e-3)  # 51 iterations of the one against 50 of the other


class Positive(nn.Module):
    def forward(self, x):
        return x.abs()


def test_a_parametrized_bias_stays_parametrized_also_in_copies():
    net = nn.Sequential(parametrizations.spectral_norm(nn.Linear(6, 4)))
    parametrize.register_parametrization(net[0], "bias", Positive())
    before, x = copy.deepcopy(net), torch.randn(3, 6)
    expected = net.eval()(x)
    from_torch(net)
    after = copy.deepcopy(net)
    assert torch.allclose(before.eval()(x), expected, atol=1e-5)  # the copy has torch's and goes on with it
    assert isinstance(before[0].parametrizations.weight, parametrize.ParametrizationList)
    for moved in (net, after):
        assert torch.allclose(moved(x), expected, atol=1e-5)
        assert (moved[0].bias >= 0).all()
        assert list(moved[0].parametrizations) == ["bias"]
    net.load_state_dict(after.state_dict())
    remove_spectral_norm(net)
    assert torch.allclose(net(x), expected, atol=1e-5)
    assert (net[0].bias >= 0).all()


@both
def test_copies_made_before_go_on_with_torchs(apply):
    net = nn.Sequential(apply(nn.Linear(6, 4)))
    twin, x = copy.deepcopy(net), torch.randn(3, 6)
    from_torch(net)
    expected = twin.train()(x)
    assert torch.allclose(twin.eval()(x), expected, atol=1e-6)
    from_torch(twin)
    assert torch.allclose(twin(x), expected, atol=1e-5)


def test_layers_without_torchs_spectral_norm_are_left_alone():
    net = nn.Sequential(
        parametrizations.spectral_norm(nn.Linear(6, 4)), nn.Linear(4, 4), parametrizations.weight_norm(nn.Linear(4, 2))
    )
    plain, other = net[1].weight, net[2].weight.clone()
    assert list(from_torch(net).layers) == ["0"]
    assert net[1].weight is plain
    assert torch.equal(net[2].weight, other)
    assert type(net[1]) is nn.Linear


def recurrent() -> nn.Module:
    return parametrizations.spectral_norm(nn.LSTM(4, 4), "weight_hh_l0")


def weight_normed_as_well() -> nn.Module:
    return parametrizations.spectral_norm(parametrizations.weight_norm(nn.Linear(4, 4)))


def ours_as_well() -> nn.Module:
    layer = nn.MultiheadAttention(4, 2, kdim=3, vdim=3)
    spectral_norm(layer, include="q_proj_weight")
    return parametrizations.spectral_norm(layer, "k_proj_weight")


def scaled_as_in_imaginaire() -> nn.Module:
    """A further hook computes what torch's normalization takes for the stored weight."""
    layer = legacy_norm(nn.Linear(4, 4))
    layer.weight_ori = layer._parameters.pop("weight_orig")
    layer.weight_orig = layer.weight_ori.detach()
    return layer


REFUSED = {
    "no parameter": (scaled_as_in_imaginaire, r"'1' of a Linear cannot be normalized here"),
    "recurrent": (recurrent, r"'1\.weight_hh_l0' of a \w*LSTM cannot be normalized here"),
    "one dimension": (lambda: parametrizations.spectral_norm(nn.LayerNorm(4)), r"'1' of a \w+ cannot be normalized here"),
    "a bias": (lambda: parametrizations.spectral_norm(nn.Linear(4, 4), "bias"), r"'1\.bias' of a \w+ cannot be"),
    "a bias of attention": (
        lambda: parametrizations.spectral_norm(nn.MultiheadAttention(4, 2, add_bias_kv=True), "bias_k"),
        r"'1\.bias_k' of a \w+ cannot be",
    ),
    "max_norm": (lambda: parametrizations.spectral_norm(nn.Embedding(4, 4, max_norm=1.0)), r"'1' of a \w+ cannot be"),
    "ours as well": (ours_as_well, r"'1\.k_proj_weight' of a \w+ cannot be"),
    "weight norm as well": (weight_normed_as_well, r"'1' carries _WeightNorm besides torch's spectral norm; remove"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_moved_is_named_and_nothing_is_changed(case):
    make, message = REFUSED[case]
    net = nn.Sequential(parametrizations.spectral_norm(nn.Linear(6, 4)), make())
    before = list(net.state_dict())
    with pytest.raises(NetworkError, match=message):
        from_torch(net)
    assert list(net.state_dict()) == before
    assert list(net[0].parametrizations) == ["weight"]


def test_a_network_without_it_is_refused_with_what_it_has():
    with pytest.raises(NetworkError, match="no layer carries torch's spectral norm; spectral_norm"):
        from_torch(nn.Sequential(nn.Linear(2, 2)))
    with pytest.raises(NetworkError, match=r"no layer carries .*; '0' is parametrized by _WeightNorm"):
        from_torch(nn.Sequential(parametrizations.weight_norm(nn.Linear(2, 2))))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated, and still in many networks
        older = nn.Sequential(weight_norm(nn.Linear(2, 2)))
    with pytest.raises(NetworkError, match="no layer carries torch's spectral norm"):
        from_torch(older)


def test_twice_of_torchs_becomes_once():
    layer = nn.Linear(6, 4)
    for _ in range(2):
        parametrizations.spectral_norm(layer)
    from_torch(layer)
    assert norms(layer) == pytest.approx([1], rel=0.01)
    assert without_leftovers(layer)


def test_settings_are_passed_on():
    layer = parametrizations.spectral_norm(nn.Linear(6, 4))
    (one,) = from_torch(layer, n_power_iterations=3, automatic=False).weights
    assert (one.group.iterations, one.group.automatic) == (3, False)
