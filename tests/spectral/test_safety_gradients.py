"""Values and gradients for every mode and every kind of layer: checked numerically, and memory against the plain formula."""

import warnings

import pytest
import torch
from spectral_cases import CHANGING
from torch import Tensor, nn
from torch.autograd import gradcheck, gradgradcheck

from steadygan.spectral import MODES, SpectralNorm, spectral_norm

KINDS = {
    "linear": lambda: (nn.Linear(3, 4), (2, 3)),
    "bilinear": lambda: (nn.Bilinear(2, 3, 4), (2, 2)),
    "embedding": lambda: (nn.Embedding(5, 3), None),
    "embedding bag": lambda: (nn.EmbeddingBag(5, 3, mode="sum"), None),
    "conv1d": lambda: (nn.Conv1d(2, 3, 2), (2, 2, 4)),
    "conv2d": lambda: (nn.Conv2d(2, 3, 2), (2, 2, 3, 3)),
    "conv3d": lambda: (nn.Conv3d(2, 2, 2), (1, 2, 2, 2, 2)),
    "channels last": lambda: (nn.Conv2d(2, 3, 2).to(memory_format=torch.channels_last), (2, 2, 3, 3)),
    "1x1": lambda: (nn.Conv2d(3, 2, 1), (2, 3, 2, 2)),
    "grouped": lambda: (nn.Conv2d(4, 4, 2, groups=2), (1, 4, 3, 3)),
    "depthwise": lambda: (nn.Conv2d(3, 3, 2, groups=3), (1, 3, 3, 3)),
    "transposed": lambda: (nn.ConvTranspose2d(2, 3, 2), (2, 2, 2, 2)),
    "grouped transposed": lambda: (nn.ConvTranspose2d(4, 2, 2, groups=2), (1, 4, 2, 2)),
    "attention": lambda: (nn.MultiheadAttention(4, 2, batch_first=True), (2, 3, 4)),
}


def normalized(kind: str, mode: str, dtype: torch.dtype = torch.float64) -> tuple[nn.Module, SpectralNorm]:
    """With a coefficient at which `soft` divides too."""
    layer = KINDS[kind]()[0].to(dtype)
    norm = spectral_norm(layer, 0.3, mode=mode)
    norm.refresh(40)
    return layer, norm


def call(layer: nn.Module, kind: str, dtype: torch.dtype = torch.float64) -> Tensor:
    """The layer's own forward pass on fixed inputs."""
    shape = KINDS[kind]()[1]
    if shape is None:
        indices = torch.tensor([[0, 2, 4], [1, 1, 3]])
        return layer(indices)
    inputs = torch.linspace(-1, 1, torch.Size(shape).numel(), dtype=dtype).reshape(shape)
    if kind == "attention":
        return layer(inputs, inputs, inputs)[0]
    if kind == "bilinear":
        return layer(inputs, torch.linspace(1, 2, 6, dtype=dtype).reshape(2, 3))
    return layer(inputs)


def parts(norm: SpectralNorm) -> tuple[list[Tensor], list[Tensor]]:
    (one,) = [one for one in norm.weights if "out_proj" not in one.name]
    return [u.clone() for u in one.us()], [basis[0].clone() for basis in one.bases()]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", CHANGING)
def test_the_formula_by_gradcheck_and_gradgradcheck(kind, mode):
    _, norm = normalized(kind, mode)
    one = norm.weights[0]
    us, vs = parts(norm)
    raw = one.raw.detach().clone().requires_grad_(True)
    gain = None if one.gain is None else torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    inputs = (raw,) if gain is None else (raw, gain)

    def formula(raw: Tensor, gain: Tensor | None = None) -> Tensor:
        return one.formula(raw, us, vs, gain)

    assert gradcheck(formula, inputs)
    assert gradgradcheck(formula, inputs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", CHANGING)
def test_memory_is_the_formula(kind, mode, dtype):
    """The value to the last bit, but for the order of sums where the kernel is stored channels-last or the kernels take it;
    derivatives to rounding. The tolerance is that of sums of at most 30 numbers of size 1.
    """
    _, norm = normalized(kind, mode, dtype)
    one = norm.weights[0]
    pure = one.formula(one.raw, *parts(norm), one.gain)
    memory = one.read()
    assert memory is one.value
    rounding = 4 * torch.finfo(dtype).eps if kind == "channels last" or dtype == torch.float32 else 0
    assert torch.allclose(memory, pure, rtol=rounding, atol=0)
    assert memory.stride() == pure.stride()
    wanted = [one.raw] if one.gain is None else [one.raw, one.gain]
    direction = torch.linspace(-1, 2, memory.numel(), dtype=dtype).reshape(memory.shape)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    once = [torch.autograd.grad((w * direction).sum(), wanted, retain_graph=True) for w in (memory, pure)]
    for mine, expected in zip(*once, strict=True):
        assert torch.allclose(mine, expected, rtol=tolerance, atol=tolerance * float(expected.abs().max()))
    twice = [second(w, wanted, direction) for w in (memory, pure)]
    for mine, expected in zip(*twice, strict=True):
        assert torch.allclose(mine, expected, rtol=10 * tolerance, atol=10 * tolerance * float(expected.abs().max()))


def second(weight: Tensor, wanted: list[Tensor], direction: Tensor) -> tuple[Tensor, ...]:
    first = torch.autograd.grad((weight.sin() * direction).sum(), wanted, create_graph=True)
    return torch.autograd.grad(sum(gradient.square().sum() for gradient in first), wanted)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", MODES)
def test_training_through_the_layer_is_training_through_the_formula(kind, mode):
    """A forward pass of the layer itself and the same with the formula's weight put in its place."""
    layer, norm = normalized(kind, mode)
    call(layer, kind).sin().sum().backward()
    found = {name: parameter.grad for name, parameter in layer.named_parameters() if parameter.grad is not None}
    plain = KINDS[kind]()[0].double()
    weights = {
        one.name.removesuffix("in_proj_weight").rstrip(".")
        + ".weight" * ("in_proj" not in one.name)
        + "in_proj_weight" * ("in_proj" in one.name): one
        for one in norm.weights
    }
    values = {name: parameter.detach().requires_grad_(True) for name, parameter in layer.named_parameters()}
    pure = {
        name.lstrip("."): one.formula(
            values[name.lstrip(".")], one.us(), [b[0] for b in one.bases()], values.get(f"{name.lstrip('.')}_gain")
        )
        for name, one in weights.items()
        if mode != "measure"
    }
    given = {name: pure.get(name, values[name]) for name, _ in plain.named_parameters()}
    torch.func.functional_call(
        Called(plain, kind), {f"layer.{name}": value for name, value in given.items()}, ()
    ).sin().sum().backward()
    assert found.keys() == {name for name, value in values.items() if value.grad is not None}
    for name, gradient in found.items():
        assert torch.allclose(gradient, values[name].grad, rtol=1e-10, atol=1e-12), name  # float64


class Called(nn.Module):
    """A layer with its call."""

    def __init__(self, layer: nn.Module, kind: str) -> None:
        super().__init__()
        self.layer, self.kind = layer, kind

    def forward(self) -> Tensor:
        return call(self.layer, self.kind)


@pytest.mark.parametrize("mode", MODES)
def test_attention_in_evaluation_takes_the_fast_path_to_the_same_numbers(mode):
    layer, _ = normalized("attention", mode, torch.float32)
    expected = call(layer, "attention", torch.float32)
    layer.eval()
    with torch.no_grad():
        assert torch.allclose(call(layer, "attention", torch.float32), expected, atol=1e-5)  # another order of sums
    with torch.inference_mode():
        assert torch.allclose(call(layer, "attention", torch.float32), expected, atol=1e-5)


def test_a_transformer_layer_in_evaluation():
    """Its fast path reads the weights of its parts without calling them."""
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    spectral_norm(layer)
    inputs = torch.randn(2, 3, 8)
    expected = layer(inputs)
    layer.eval()
    with torch.no_grad():
        assert torch.allclose(layer(inputs), expected, atol=1e-5)  # another order of sums
    layer.train()
    layer(inputs).sum().backward()
    assert all(parameter.grad is not None for parameter in layer.parameters())


def test_attention_with_separate_projections():
    layer = nn.MultiheadAttention(4, 2, kdim=3, vdim=5, batch_first=True)
    norm = spectral_norm(layer)
    layer(torch.randn(2, 3, 4), torch.randn(2, 3, 3), torch.randn(2, 3, 5))[0].sum().backward()
    assert set(norm.sigma) == {"q_proj_weight", "k_proj_weight", "v_proj_weight", "out_proj"}
    assert all(parameter.grad is not None for parameter in layer.parameters())


@pytest.mark.parametrize("mode", MODES)
def test_tied_weights_share_one_state_and_add_their_gradients(mode):
    net = nn.Sequential(nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 1))
    net[2].weight = net[0].weight
    norm = spectral_norm(net, mode=mode)
    assert set(norm.sigma) == {"0", "4"}
    assert torch.equal(net[0].weight, net[2].weight)
    net(torch.randn(3, 5)).sum().backward()
    both = net[0]._parameters["weight"].grad.clone()
    assert net[0]._parameters["weight"] is net[2]._parameters["weight"]
    assert len(list(net.parameters())) == len({id(parameter) for parameter in net.parameters()})
    assert both.any()
    norm.refresh()
    assert norm.weights[0].group.refreshes == 2


def test_layers_in_two_places_and_networks_in_networks():
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
            self.again = self.inner[0]
            self.head = nn.Linear(4, 1)

        def forward(self, inputs: Tensor) -> Tensor:
            return self.head(self.again(self.inner(inputs)))

    net = Twice()
    spectral_norm(net.inner)
    norm = spectral_norm(net, exclude="inner.*")
    net(torch.randn(2, 4)).sum().backward()
    assert list(SpectralNorm.of(net).layers) == ["inner.0", "head"]
    assert [one.group is norm.weights[0].group for one in SpectralNorm.of(net).weights] == [True, False]
    torch.optim.SGD(net.parameters(), 0.1).step()
    net(torch.randn(2, 4))
    assert [one.group.refreshes for one in SpectralNorm.of(net).weights] == [2, 2]


def test_sparse_gradients_are_refused_in_words():
    with pytest.raises(Exception, match="sparse"):
        spectral_norm(nn.Embedding(9, 4, sparse=True))


def test_nothing_is_printed_and_nothing_warns(capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in KINDS:
            layer, norm = normalized(kind, "hard")
            call(layer, kind).sum().backward()
            assert norm.sigma
            assert norm.residual
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")
