"""Whatever wrote a checkpoint: strict loading finds all keys and no others, and the weights read have norm 1."""

import copy
import math

import pytest
import torch
from spectral_cases import LAYERS, tied
from spectral_readings import equal, norms
from torch import nn
from torch.nn.utils import parametrizations
from torch.nn.utils import spectral_norm as legacy_norm

from steadygan.spectral import MODES, SpectralNorm, Weight, spectral_norm, weights
from steadygan.spectral.interop import starting
from steadygan.spectral.operator import operator_norm

KINDS = LAYERS | {
    "narrow": lambda: nn.Linear(2, 5),  # fewer columns than vectors are carried
    "bilinear": lambda: nn.Bilinear(3, 4, 5),
    "grouped transposed": lambda: nn.ConvTranspose1d(6, 4, 4, groups=2),
    "attention": lambda: nn.MultiheadAttention(8, 2),
    "attention of three": lambda: nn.MultiheadAttention(8, 2, kdim=6, vdim=5),
}


def stored(one: Weight) -> torch.Tensor:
    return one.layer._parameters[one.parameter]


def singular_vectors(one: Weight) -> tuple[torch.Tensor, torch.Tensor]:
    """Of the weight as one matrix, output by input, as all other implementations take it."""
    raw = stored(one).detach()
    u, _, v = torch.linalg.svd((raw.transpose(0, 1) if one.transposed else raw).flatten(1))
    return u[:, 0], v[0]


def by_torch(apply):
    def state_of(net):
        for one in weights(net):
            apply(one.layer, one.parameter)
        return net.state_dict()

    return state_of


def beside(**extra):
    """The plain state with further keys beside each weight, as functions of (weight, u)."""

    def state_of(net):
        state = dict(net.state_dict())
        for one in weights(net):
            prefix = f"{one.name}.".removesuffix(f"{one.parameter}.")
            state |= {prefix + name: make(one, singular_vectors(one)[0]) for name, make in extra.items()}
        return state

    return state_of


def in_a_module(net):
    """As the module `SpectralNorm` that repositories copied from each other stores a layer."""
    state = {}
    found = {f"{one.name}.".removesuffix(f"{one.parameter}."): one for one in weights(net) if one.parameter == "weight"}
    for key, value in net.state_dict().items():
        prefix = next((prefix for prefix in found if key.startswith(prefix)), None)
        state[key if prefix is None else f"{prefix}module.{key.removeprefix(prefix)}"] = value
    for prefix, one in found.items():
        state[f"{prefix}module.weight_bar"] = state.pop(f"{prefix}module.weight")
        state[f"{prefix}module.weight_u"], state[f"{prefix}module.weight_v"] = singular_vectors(one)
    return state


def of_steadygan_0_1(net):
    """It stored each weight as a parametrization of torch's, with vectors [G, M] and [G, N]."""
    state = dict(net.state_dict())
    for one in weights(net):
        prefix = f"{one.name}.".removesuffix(f"{one.parameter}.") + f"parametrizations.{one.parameter}"
        u, _, v = torch.linalg.svd(one.matrices(state.pop(f"{prefix.rpartition('parametrizations')[0]}{one.parameter}")))
        state |= {f"{prefix}.original": stored(one).detach(), f"{prefix}.0.u": u[..., 0], f"{prefix}.0.v": v[:, 0]}
    return state


def without_vectors(state_of):
    return lambda net: {key: value for key, value in state_of(net).items() if key[-2:] not in ("_u", "_v")}


PARAMETRIZATION, LEGACY = by_torch(parametrizations.spectral_norm), by_torch(legacy_norm)
FORMATS = {
    "plain": lambda net: net.state_dict(),
    "parametrization": PARAMETRIZATION,
    "legacy": LEGACY,
    "parametrization without vectors": without_vectors(PARAMETRIZATION),
    "legacy without vectors": without_vectors(LEGACY),
    "parametrization twice": by_torch(lambda *of: [parametrizations.spectral_norm(*of) for _ in range(2)]),
    "biggan": beside(
        u0=lambda one, u: 3 * u.unsqueeze(0),  # before training it is of any length
        sv0=lambda one, u: torch.ones(1),
        u1=lambda one, u: torch.randn(1, len(u)),
        sv1=lambda one, u: torch.ones(1),
    ),
    "mimicry": beside(sn_u=lambda one, u: u.unsqueeze(0), sn_sigma=lambda one, u: torch.ones(1)),
    "copied module": in_a_module,
    "steadygan 0.1": of_steadygan_0_1,
}


def wide_linear(gap: float = 0.99) -> nn.Linear:
    """A layer whose spectrum is so flat that no start from random vectors finds the first ones in a refresh."""
    layer = nn.Linear(120, 100)
    u, s, v = torch.linalg.svd(torch.randn(100, 120), full_matrices=False)
    with torch.no_grad():
        layer.weight.copy_(u * torch.linspace(1, 0.9, len(s)).index_fill(0, torch.arange(1), 1 / gap) @ v)
    return layer


@pytest.mark.parametrize("automatic", [True, False])
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_strict_load_normalizes_what_was_loaded(kind, form, automatic):
    source = nn.Sequential(nn.Identity(), KINDS[kind]())
    net = nn.Sequential(nn.Identity(), KINDS[kind]())
    raws = [stored(one).detach().clone() for one in weights(source)]
    norm = spectral_norm(net, automatic=automatic)
    net.load_state_dict(FORMATS[form](source))
    assert all(torch.equal(stored(one), raw) for one, raw in zip(weights(net), raws, strict=True))
    # 30 iterations, or until a residual of 0.003: sigma is then within 0.003 of a singular value
    assert norms(net) == pytest.approx([1] * len(norms(net)), rel=0.01)
    assert max(norm.residual.values()) < 0.05


@pytest.mark.parametrize("training", [True, False])
def test_norms_stay_1_in_the_first_forward_pass_after_a_load(training):
    net = nn.Sequential(nn.Linear(9, 8), nn.Linear(8, 3)).train(training)
    spectral_norm(net)
    net.load_state_dict(nn.Sequential(nn.Linear(9, 8), nn.Linear(8, 3)).state_dict())
    net(torch.ones(1, 9))
    assert norms(net) == pytest.approx([1, 1], rel=0.01)


@pytest.mark.parametrize("form", ["parametrization", "legacy", "biggan", "mimicry", "copied module", "steadygan 0.1"])
def test_vectors_of_other_formats_are_started_from(form):
    source, net = nn.Sequential(wide_linear()), nn.Sequential(nn.Linear(120, 100))
    norm = spectral_norm(net)
    u, v = singular_vectors(next(weights(source)))
    state = FORMATS[form](source)
    for name, vector in {"_u": u, "_v": v}.items():
        state |= {key: vector for key in state if key.endswith(name)}
    net.load_state_dict(state)
    assert abs(float(net[0].weight_v[0] @ v)) > 0.9999  # float32
    assert max(norm.residual.values()) < 0.003


@pytest.mark.parametrize("kind", ["linear", "narrow", "grouped", "attention"])
def test_the_basis_that_a_vector_leads_is_orthonormal(kind):
    """Or zero, where there are fewer dimensions than rows. The iterations go by that."""
    net = nn.Sequential(KINDS[kind]())
    one = spectral_norm(net).weights[0]
    columns = one.bases()[0].shape[1] // one.weight.blocks
    u, basis = starting(one, one.readings[0], one.raw, (torch.randn_like(one.us()[0]), torch.randn_like(one.bases()[0][0])))
    for block in basis.unflatten(1, (-1, columns)).unbind(1):
        assert torch.allclose(block @ block.T, torch.eye(3) * (torch.arange(3) < columns), atol=1e-6)
    assert torch.allclose(u.unflatten(0, (one.weight.blocks, -1)).norm(dim=1), torch.ones(one.weight.blocks))


def test_a_load_without_vectors_does_not_count_as_a_refresh():
    """A schedule of iterations goes by the count."""
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    (group,) = {one.group for one in spectral_norm(net).weights}
    before = group.refreshes
    net.load_state_dict(nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)).state_dict())
    assert group.refreshes == before


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", KINDS)
def test_our_own_format_gives_the_same_weights_bit_for_bit(kind, mode):
    source, net = nn.Sequential(KINDS[kind]()), nn.Sequential(KINDS[kind]())
    spectral_norm(source, mode=mode, automatic=False)
    spectral_norm(net, mode=mode, automatic=False)
    with torch.no_grad():
        for parameter in source.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    SpectralNorm.of(source).refresh(1)  # not converged
    net.load_state_dict(source.state_dict())
    assert all(torch.equal(a.value, b.value) for a, b in zip(weights(source), weights(net), strict=True))
    assert equal(source.buffers(), net.buffers())
    assert all(one.value is one.value for one in weights(net))  # divided once, for all reads to come


@pytest.mark.parametrize("form", ["plain", "parametrization", "legacy", "biggan"])
@pytest.mark.parametrize("mode", ["gain", "bidirectional", "initial", "measure", "soft"])
def test_other_formats_load_in_every_mode(mode, form):
    source, net = nn.Sequential(nn.Conv2d(4, 6, 3)), nn.Sequential(nn.Conv2d(4, 6, 3))
    raw = source[0].weight.detach().clone()
    norm = spectral_norm(net, mode=mode, automatic=False)
    net.load_state_dict(FORMATS[form](source))
    out, into = (torch.linalg.matrix_norm(matrix.flatten(1), 2) for matrix in (raw, raw.transpose(0, 1)))
    sigma = (out + into) / 2 if mode == "bidirectional" else out
    factor = {"measure": 1.0, "soft": 1 / max(1.0, sigma), "initial": norm.coefficient["0"] / sigma}.get(mode, 1 / sigma)
    assert torch.allclose(net[0].weight, raw * factor, rtol=0.01)


@pytest.mark.parametrize("form", ["plain", "parametrization", "biggan"])
def test_other_formats_load_under_the_operator_norm(form):
    """Their vectors are of the kernel as a matrix, and are not taken for images."""
    net = nn.Sequential(nn.Conv2d(4, 6, 3, padding=1))
    norm = spectral_norm(net, norm="operator", input_shape=(4, 5, 5), n_power_iterations=1, automatic=False)
    net.load_state_dict(FORMATS[form](nn.Sequential(nn.Conv2d(4, 6, 3, padding=1))))
    assert operator_norm(net[0], (4, 5, 5)) == pytest.approx(1, rel=0.01)
    assert max(norm.residual.values()) < 0.05


def test_a_hard_checkpoint_loads_into_the_bidirectional_mode():
    source, net = nn.Sequential(nn.Conv2d(4, 6, 3)), nn.Sequential(nn.Conv2d(4, 6, 3))
    spectral_norm(source)
    spectral_norm(net, mode="bidirectional", automatic=False)
    net.load_state_dict(source.state_dict())
    raw = net[0]._parameters["weight"].detach()
    sigma = sum(torch.linalg.matrix_norm(matrix.flatten(1), 2) for matrix in (raw, raw.transpose(0, 1))) / 2
    assert torch.allclose(net[0].weight, raw / sigma, rtol=0.01)


@pytest.mark.parametrize("automatic", [True, False])
@pytest.mark.parametrize("form", FORMATS)
def test_tied_weights_stay_tied(form, automatic):
    source, net = tied(), tied()
    spectral_norm(net, automatic=automatic)
    net.load_state_dict(FORMATS[form](source))
    assert net[0]._parameters["weight"] is net[1]._parameters["weight"]
    assert norms(net) == pytest.approx([1, 1], rel=0.01)


@pytest.mark.parametrize("automatic", [True, False])
@pytest.mark.parametrize("layer", [0, 1])
def test_tied_weights_may_be_stored_under_one_name_only(layer, automatic):
    net, weight = tied(), torch.randn(6, 6)
    spectral_norm(net, automatic=automatic)
    net.load_state_dict({f"{layer}.weight": weight}, strict=False)
    assert torch.equal(net[1]._parameters["weight"], weight)
    assert norms(net) == pytest.approx([1, 1], rel=0.01)


def test_our_own_format_of_tied_weights_gives_the_same_weights_bit_for_bit():
    source, net = tied(), tied()
    spectral_norm(source, automatic=False)
    spectral_norm(net, automatic=False)
    net.load_state_dict(source.state_dict())
    assert all(torch.equal(a.value, b.value) for a, b in zip(weights(source), weights(net), strict=True))


@pytest.mark.parametrize("form", FORMATS)
def test_a_wrong_shape_is_torchs_own_error(form):
    net = nn.Sequential(nn.Linear(7, 5))
    spectral_norm(net)
    with pytest.raises(RuntimeError, match=r"size mismatch for 0\.weight: .*\[5, 8\]"):
        net.load_state_dict(FORMATS[form](nn.Sequential(nn.Linear(8, 5))))
    assert norms(net) == pytest.approx([1], rel=0.01)


def test_a_weight_of_another_kind_is_torchs_own_error():
    net = nn.Sequential(nn.Linear(7, 5))
    spectral_norm(net)
    state = {"0.bias": torch.ones(5), "0.u0": torch.ones(1, 5)}
    with pytest.raises(RuntimeError, match=r"size mismatch for 0\.weight"):
        net.load_state_dict(state | {"0.weight": torch.ones(5)})
    two = tied()
    spectral_norm(two)
    for other in (net, two):
        with pytest.raises(RuntimeError, match=r"expected torch.Tensor .* received <class 'list'>"):
            other.load_state_dict(state | {"0.weight": [1.0], "1.weight": [1.0]}, strict=False)


def test_our_own_vectors_of_a_wrong_shape_are_torchs_own_error():
    net = nn.Sequential(nn.Linear(7, 5))
    spectral_norm(net)
    state = net.state_dict() | {"0.weight_v": torch.zeros(3, 8)}
    with pytest.raises(RuntimeError, match=r"size mismatch for 0\.weight_v"):
        net.load_state_dict(state)


@pytest.mark.parametrize("bad", [0.0, math.nan, math.inf, 1e-30, 0.5])
@pytest.mark.parametrize("which", ["u", "v", "uv"])
@pytest.mark.parametrize("form", ["ours", "parametrization", "legacy", "biggan", "mimicry"])
def test_unusable_vectors_are_replaced(form, which, bad):
    """0.5 makes all entries the same: not of length 1. Nobody says that they are wrong, so they are only started from."""
    source, net = nn.Sequential(nn.Linear(7, 5)), nn.Sequential(nn.Linear(7, 5))
    spectral_norm(net, automatic=False)
    if form == "ours":
        spectral_norm(source)
    state = source.state_dict() if form == "ours" else FORMATS[form](source)
    keys = [key for key in state if key[-1] in which or (key[-2:] == "u0" and "u" in which)]
    net.load_state_dict(state | {key: torch.full_like(state[key], bad) for key in keys})
    assert all(value.isfinite().all() for value in net.state_dict().values())
    assert norms(net) == pytest.approx([1], rel=0.01)


def test_directions_to_look_next_that_are_not_finite_are_replaced():
    net = nn.Sequential(nn.Linear(7, 5))
    spectral_norm(net)
    state = copy.deepcopy(net.state_dict())
    state["0.weight_v"][2] = math.nan
    net.load_state_dict(state)
    assert all(value.isfinite().all() for value in net.state_dict().values())


def test_vectors_that_an_average_shortened_are_brought_to_length_1():
    """As `AveragedModel` with buffers leaves them. Used as they are, the weight would come out 4% too large."""
    net = nn.Sequential(nn.Linear(7, 5))
    spectral_norm(net, automatic=False)
    state = net.state_dict()
    net.load_state_dict(state | {"0.weight_u": 0.98 * state["0.weight_u"], "0.weight_v": 0.98 * state["0.weight_v"]})
    assert norms(net) == pytest.approx([1], rel=0.005)
    assert float(net[0].weight_v[0].norm()) == pytest.approx(1, abs=1e-6)


def test_missing_and_unexpected_keys_are_reported():
    net = nn.Sequential(nn.Linear(7, 5))
    spectral_norm(net)
    state = nn.Sequential(nn.Linear(7, 5)).state_dict()
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: "0.bias"\.'):
        net.load_state_dict({"0.weight": state["0.weight"]})
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: "0.weight", "0.weight_u"'):
        net.load_state_dict({"0.bias": state["0.bias"]})
    for key in ("0.wait", "1.weight", "0.weight_g"):
        with pytest.raises(RuntimeError, match=rf'Unexpected key\(s\) in state_dict: "{key}"\.'):
            net.load_state_dict(state | {key: torch.ones(1)})


def test_what_is_not_in_the_state_stays_bit_for_bit():
    net = nn.Sequential(nn.Linear(7, 5), nn.Linear(5, 5))
    spectral_norm(net, automatic=False)
    before, other = net[0].weight.clone(), nn.Linear(5, 5)
    found = net.load_state_dict({f"1.{key}": value for key, value in other.state_dict().items()}, strict=False)
    assert set(found.missing_keys) == {f"0.{key}" for key in net[0].state_dict()}
    assert torch.equal(net[0].weight, before)
    assert norms(net)[1] == pytest.approx(1, rel=0.01)


@pytest.mark.parametrize("form", ["plain", "parametrization", "ours"])
def test_assigned_tensors_may_be_of_another_type(form):
    source, net = nn.Sequential(nn.Linear(7, 5)).double(), nn.Sequential(nn.Linear(7, 5))
    spectral_norm(net)
    if form == "ours":
        spectral_norm(source)
    state = source.state_dict() if form == "ours" else FORMATS[form](source)
    net.load_state_dict(state, assign=True)
    assert net(torch.ones(1, 7, dtype=torch.float64)).dtype == torch.float64
    assert norms(net) == pytest.approx([1], rel=0.01)
    assert {value.dtype for value in net.state_dict().values()} == {torch.float64}


@pytest.mark.parametrize("automatic", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_training_goes_on_bit_for_bit(kind, automatic):
    """A refresh more than without the interruption would give other vectors, with one iteration each."""
    nets = [nn.Sequential(KINDS[kind]()) for _ in range(2)]
    norms = [spectral_norm(net, n_power_iterations=1, automatic=automatic) for net in nets]
    for net in nets:
        train(net)
    norms[0].refresh()
    nets[1].load_state_dict(nets[0].state_dict())
    torch.manual_seed(1)
    train(nets[0])
    torch.manual_seed(1)
    train(nets[1])
    assert equal(nets[0].state_dict().values(), nets[1].state_dict().values())


def train(net: nn.Module) -> None:
    """Two updates."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        sum(forward(layer).square().sum() for layer in net).backward()
        optimizer.step()


def forward(layer: nn.Module) -> torch.Tensor:
    if isinstance(layer, nn.Embedding):
        return layer(torch.arange(9))
    if isinstance(layer, nn.MultiheadAttention):
        sizes = layer.embed_dim, layer.kdim, layer.vdim
        return layer(*(torch.randn(3, 1, size) for size in sizes))[0]
    if isinstance(layer, nn.Bilinear):
        return layer(torch.randn(2, 3), torch.randn(2, 4))
    channels = layer.in_features if isinstance(layer, nn.Linear) else layer.in_channels
    return layer(torch.randn(2, channels, *[7] * (stored(next(weights(layer))).dim() - 2)))


def test_vectors_of_other_weights_are_noticed():
    """An average has the vectors of the network that it was copied from."""
    source, net = nn.Sequential(nn.Linear(7, 5)), nn.Sequential(nn.Linear(7, 5)).eval()
    spectral_norm(source)
    spectral_norm(net)
    with torch.no_grad():
        source[0]._parameters["weight"].copy_(torch.randn(5, 7))
    net.load_state_dict(source.state_dict())
    net(torch.ones(1, 7))
    assert norms(net) == pytest.approx([1], rel=0.01)


def test_the_state_that_is_loaded_stays_as_it_is():
    net, source = nn.Sequential(nn.Linear(7, 5)), nn.Sequential(legacy_norm(nn.Linear(7, 5)))
    spectral_norm(net)
    state = source.state_dict()
    before = copy.deepcopy(state)
    net.load_state_dict(state)
    net(torch.ones(1, 7))
    assert list(state) == list(before)
    assert all(torch.equal(state[key], before[key]) for key in state)
