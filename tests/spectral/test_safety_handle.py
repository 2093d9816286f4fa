"""The handle: what it names, what it sets, what it refuses."""

import copy

import pytest
import torch
from spectral_cases import CHANGING, redraw
from torch import nn

from steadygan.errors import NetworkError
from steadygan.spectral import MODES, SpectralNorm, Until, spectral_norm


class Net(nn.Module):
    """Attention, embedding, convolution and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.embedding = nn.Embedding(5, 8)
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 1)

    def forward(self, images: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        tokens = self.norm(self.body(images).flatten(2).mT)
        tokens = self.attention(tokens, tokens, tokens)[0] + self.embedding(label).unsqueeze(1)
        return self.head(tokens).flatten(1).mean(1)


LABELS = ["body.0", "attention.in_proj_weight[q]", "attention.in_proj_weight[k]", "attention.in_proj_weight[v]"]
LABELS += ["attention.out_proj", "embedding", "head"]


def call(net: nn.Module) -> torch.Tensor:
    return net(torch.ones(2, 3, 5, 5), torch.tensor([0, 4]))


def exact(net: nn.Module) -> dict[str, float]:
    """The norms of the stored weights, by SVD."""
    found = {}
    for one in SpectralNorm.of(net).weights:
        norms = torch.linalg.matrix_norm(one.weight.matrices(one.raw.detach().double()), 2)
        found.update(zip(one.weight.labels, norms.tolist() if one.weight.apart else [float(norms.amax())], strict=True))
    return found


@pytest.mark.parametrize("mode", MODES)
def test_sigma_is_named_and_right(mode):
    norm = spectral_norm(net := Net(), mode=mode)
    norm.refresh(100)
    assert list(norm.sigma) == list(norm.residual) == list(norm.coefficient) == LABELS
    if mode != "bidirectional":
        assert norm.sigma == pytest.approx(exact(net), rel=1e-4)
    assert all(0 <= residual < 0.01 for residual in norm.residual.values())
    assert list(norm.layers) == ["body.0", "attention", "attention.out_proj", "embedding", "head"]


def test_queries_keys_and_values_have_norms_of_their_own():
    net = Net()
    with torch.no_grad():
        net.attention.in_proj_weight[8:16] *= 10
    norm = spectral_norm(net)
    norm.refresh(100)
    parts = net.attention.in_proj_weight.detach().chunk(3)
    assert [float(torch.linalg.matrix_norm(part, 2)) for part in parts] == pytest.approx([1, 1, 1], rel=1e-4)
    assert norm.sigma[LABELS[2]] > 5 * norm.sigma[LABELS[1]]


def test_the_handle_of_any_part():
    net = Net()
    norm = spectral_norm(net)
    assert SpectralNorm.of(net).weights == norm.weights
    assert list(SpectralNorm.of(net.attention).sigma) == LABELS[1:5]
    assert SpectralNorm.of(net.norm).layers == {}
    assert SpectralNorm.of(net.norm).sigma == {}
    SpectralNorm.of(net.norm).refresh()
    SpectralNorm.of(nn.Linear(2, 2)).set_coefficient(2.0)


def test_a_refresh_of_a_part_moves_that_part_only():
    net = Net()
    spectral_norm(net, automatic=False)
    redraw(net)
    before = {name: buffer.clone() for name, buffer in net.named_buffers()}
    SpectralNorm.of(net.head).refresh()
    moved = {name for name, buffer in net.named_buffers() if not torch.equal(buffer, before[name])}
    assert moved == {"head.weight_u", "head.weight_v"}


@pytest.mark.parametrize("mode", CHANGING)
@pytest.mark.parametrize("automatic", [True, False])
def test_a_new_coefficient_counts_from_the_next_read_on(mode, automatic):
    """And is kept by copies and state dicts."""
    net = Net()
    norm = spectral_norm(net, 0.1, mode=mode, automatic=automatic)
    call(net)
    before = net.head.weight.detach().clone()
    sigma = norm.sigma
    norm.set_coefficient(0.05)
    factor = 0.05 / 0.1 if mode != "initial" else 0.05 / sigma["head"]
    assert torch.allclose(net.head.weight, before * factor, rtol=1e-5)
    assert norm.sigma == sigma
    assert norm.coefficient == {label: pytest.approx(0.05) for label in LABELS}
    assert SpectralNorm.of(copy.deepcopy(net)).coefficient == norm.coefficient
    other = Net()
    spectral_norm(other, mode=mode, automatic=automatic)
    other.load_state_dict(net.state_dict())
    assert SpectralNorm.of(other).coefficient == norm.coefficient
    call(other)
    assert torch.allclose(other.head.weight, net.head.weight, rtol=1e-3)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"include": "body.*"}, ["body.0"]),
        ({"include": ["head", "embedding"]}, ["embedding", "head"]),
        ({"exclude": ["attention*", "embedding"]}, ["body.0", "head"]),
        ({"include": lambda name, layer: isinstance(layer, nn.Linear)}, ["attention.out_proj", "head"]),
        ({"exclude": lambda name, layer: name != "head"}, ["head"]),
        ({"include": "*", "exclude": "*proj*"}, ["body.0", "embedding", "head"]),
    ],
)
def test_what_is_chosen(settings, expected):
    net = Net()
    assert list(spectral_norm(net, **settings).sigma) == expected
    call(net).sum().backward()


def doubled() -> nn.Module:
    net = nn.Sequential(nn.Linear(3, 3))
    spectral_norm(net)
    return net


def by_parametrization() -> nn.Module:
    return nn.Sequential(torch.nn.utils.parametrizations.spectral_norm(nn.Linear(3, 3)))


def by_hook() -> nn.Module:
    return nn.Sequential(torch.nn.utils.spectral_norm(nn.Linear(3, 3)))


def by_weight_norm() -> nn.Module:
    return nn.Sequential(torch.nn.utils.parametrizations.weight_norm(nn.Linear(3, 3)))


@pytest.mark.parametrize(
    ("build", "settings", "message"),
    [
        (doubled, {}, "'0' is normalized or parametrized already.*twice stacks"),
        (by_parametrization, {}, "'0' is normalized or parametrized already"),
        (by_hook, {}, "'0' is normalized or parametrized already"),
        (by_weight_norm, {}, "'0' is normalized or parametrized already"),
        (lambda: nn.Sequential(nn.BatchNorm2d(3)), {"include": "0"}, "'0' has one dimension"),
        (lambda: nn.Sequential(nn.LayerNorm(3), nn.Linear(3, 3)), {"include": "0"}, "'0' has one dimension"),
        (lambda: nn.Sequential(nn.BatchNorm2d(3)), {}, "no linear, embedding or convolution"),
        (lambda: nn.Sequential(nn.Linear(3, 3)), {"include": "nowhere"}, "no linear, embedding or convolution"),
        (lambda: nn.Sequential(nn.Linear(3, 3)), {"exclude": "*"}, "no linear, embedding or convolution"),
        (lambda: nn.Sequential(nn.LazyLinear(3)), {}, "'0' has no weight yet"),
        (lambda: nn.Sequential(nn.Embedding(3, 3, max_norm=1.0)), {}, "'0' rewrites its weight"),
        (lambda: nn.Sequential(nn.EmbeddingBag(3, 3, max_norm=1.0)), {}, "'0' rewrites its weight"),
        (lambda: nn.Sequential(nn.Embedding(3, 3, sparse=True)), {}, "'0' has sparse gradients"),
        (lambda: nn.Sequential(nn.Linear(3, 3)), {"mode": "hrad"}, "no mode 'hrad'.*hard, soft"),
        (lambda: nn.Sequential(nn.Linear(3, 3)), {"norm": "frobenius"}, "no norm 'frobenius'"),
        (lambda: nn.Sequential(nn.Conv2d(3, 3, 3)), {"norm": "operator"}, "input_shape"),
        (lambda: nn.Sequential(nn.Linear(3, 3)), {"n_power_iterations": 0}, "n_power_iterations"),
        (lambda: nn.Sequential(nn.Linear(3, 3)), {"coefficient": 0.0}, "coefficient"),
        (lambda: nn.Sequential(nn.Linear(3, 3)), {"coefficient": -1.0}, "coefficient"),
    ],
)
def test_mistakes_are_refused_and_leave_the_network_alone(build, settings, message):
    net = build()
    before, classes = list(net.state_dict()), [type(layer) for layer in net.modules()]
    with pytest.raises(NetworkError, match=message):
        spectral_norm(net, **settings)
    assert list(net.state_dict()) == before
    assert [type(layer) for layer in net.modules()] == classes


def test_a_refresh_of_no_iterations_is_refused():
    norm = spectral_norm(nn.Linear(3, 3))
    with pytest.raises(NetworkError, match="at least 1"):
        norm.refresh(0)


@pytest.mark.parametrize("wrong", [0.0, -2.0, float("nan")])
def test_a_coefficient_that_is_no_bound_is_refused(wrong):
    norm = spectral_norm(nn.Linear(3, 3))
    with pytest.raises(NetworkError, match="coefficient"):
        norm.set_coefficient(wrong)


@pytest.mark.parametrize("iterations", [1, 3, lambda count: 5 if count < 3 else 1, Until(0.01, 20)])
def test_every_way_to_say_how_many_iterations(iterations):
    net = Net()
    norm = spectral_norm(net, n_power_iterations=iterations)
    for _ in range(4):
        norm.refresh()
    assert norm.sigma == pytest.approx(exact(net), rel=0.01)


def test_layers_stay_what_they_are():
    """isinstance, parameter names and identities, repr, hooks and attributes."""
    net = Net()
    parameters = dict(net.named_parameters())
    spectral_norm(net)
    assert isinstance(net.head, nn.Linear)
    assert dict(net.named_parameters()).keys() == parameters.keys()
    assert all(dict(net.named_parameters())[name] is parameter for name, parameter in parameters.items())
    assert "in_features=8" in repr(net.head)
    heard = []
    net.head.register_forward_hook(lambda *arguments: heard.append(1))
    call(net)
    assert heard == [1]


def test_torch_on_top_of_ours_fails_loudly():
    """Not ours to refuse; but it must not train something else in silence."""
    for apply in (torch.nn.utils.parametrizations.spectral_norm, torch.nn.utils.spectral_norm):
        with pytest.raises(RuntimeError, match="spectral norm"):
            apply(doubled()[0])


def test_data_parallel_fails_in_words():
    """It sets plain tensors on copies of the layers, one for each GPU."""
    layer = nn.Linear(3, 3)
    spectral_norm(layer)
    replica = layer._replicate_for_data_parallel()
    with pytest.raises(RuntimeError, match="DistributedDataParallel"):
        replica.weight = torch.zeros(3, 3)
