"""torch.compile in training, with no graph break and no recompilation, and torch.export."""

import shutil

import pytest
import torch
from spectral_cases import images, network
from spectral_readings import close
from torch import Tensor, nn

from steadygan.spectral import MODES, SpectralNorm, spectral_norm


@pytest.fixture(autouse=True)
def forget_compilations():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def train(net: nn.Module, call, steps: int) -> list[float]:
    """Ten steps; an explicit refresh where the network is not automatic. After the first step a recompilation is an error."""
    norm, optimizer, losses = SpectralNorm.of(net), torch.optim.Adam(net.parameters(), 0.01), []
    for step in range(steps):
        with torch._dynamo.config.patch(error_on_recompile=step > 0):
            loss = call(images(step)).square().mean() - call(images(100 + step)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if not norm.weights[0].group.automatic:
                norm.refresh()
            losses.append(loss.item())
    return losses


@pytest.mark.parametrize(("mode", "automatic"), [*((mode, True) for mode in MODES), ("hard", False)])
def test_compiled_training_is_eager_training(mode, automatic):
    """Losses of ten steps. Adam divides by the size of the gradient, which makes 1e-7 a step into 1e-5 over ten."""
    nets = [network(), network()]
    for net in nets:
        # a fixed number of iterations, because rounding may move a residual across a limit
        spectral_norm(net, mode=mode, automatic=automatic, n_power_iterations=2)
    compiled = torch.compile(nets[1], fullgraph=True, backend="aot_eager")
    assert train(nets[1], compiled, 10) == pytest.approx(train(nets[0], nets[0], 10), abs=1e-4)


def test_there_is_one_graph():
    net = network()
    spectral_norm(net)
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    train(net, torch.compile(net, fullgraph=True, backend=backend), 10)
    assert len(graphs) == 1
    assert not torch._dynamo.utils.counters["graph_break"]


@pytest.mark.parametrize("mode", ["hard", "gain"])
def test_gradients_of_compiled_code(mode):
    net = network()
    spectral_norm(net, mode=mode)
    net(images()).square().mean().backward()
    expected = [parameter.grad.clone() for parameter in net.parameters()]
    net.zero_grad()
    torch.compile(net, fullgraph=True, backend="aot_eager")(images()).square().mean().backward()
    for parameter, gradient in zip(net.parameters(), expected, strict=True):
        assert torch.allclose(parameter.grad, gradient, rtol=1e-4, atol=1e-6)  # the same sums in another order


def test_separate_backward_calls_of_compiled_code():
    net = network()
    spectral_norm(net)
    compiled = torch.compile(net, fullgraph=True, backend="aot_eager")
    real, fake = compiled(images(1)).mean(), -compiled(images(2)).square().mean()
    real.backward()
    fake.backward()
    found = [parameter.grad.clone() for parameter in net.parameters()]
    net.zero_grad()
    (net(images(1)).mean() - net(images(2)).square().mean()).backward()
    assert close([parameter.grad for parameter in net.parameters()], found)


def test_the_same_weights_compiled_and_eager():
    """After a refresh, to rounding; so real images in compiled code and fake ones in eager code see one discriminator."""
    net = network()
    norm = spectral_norm(net)
    compiled = torch.compile(net, fullgraph=True, backend="eager")
    for _ in range(3):
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
        norm.refresh()
        assert torch.allclose(compiled(images()), net(images()), atol=1e-6)


def test_a_new_coefficient_needs_no_recompilation():
    net = network()
    norm = spectral_norm(net, automatic=False)
    compiled = torch.compile(net, fullgraph=True, backend="eager")
    compiled(images())
    with torch._dynamo.config.patch(error_on_recompile=True):
        for value in (0.5, 2.0, 3.0):
            norm.set_coefficient(value)
            assert torch.allclose(compiled(images()), net(images()), atol=1e-5)


def test_compiled_evaluation():
    net = network()
    spectral_norm(net)
    net.eval()
    compiled = torch.compile(net, fullgraph=True, backend="aot_eager")
    for guard in (torch.no_grad, torch.inference_mode):
        with guard():
            assert torch.allclose(compiled(images()), net(images()), atol=1e-6)


def test_a_penalty_inside_compiled_code():
    """R1 by torch.func.grad: autograd.grad(create_graph=True) is refused by torch.compile, with or without normalization."""
    net = network()
    spectral_norm(net)

    def loss(inputs: Tensor) -> Tensor:
        slopes = torch.func.grad(lambda inputs: net(inputs).sum())(inputs)
        return net(inputs).mean() + slopes.square().flatten(1).sum(1).mean()

    loss(images()).backward()
    expected = [None if parameter.grad is None else parameter.grad.clone() for parameter in net.parameters()]
    net.zero_grad()
    torch.compile(loss, fullgraph=True, backend="aot_eager")(images()).backward()
    for parameter, gradient in zip(net.parameters(), expected, strict=True):
        assert gradient is None or torch.allclose(parameter.grad, gradient, rtol=1e-4, atol=1e-6)


def test_compiled_attention_and_embedding():
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.attention = nn.Embedding(5, 4), nn.MultiheadAttention(4, 2, batch_first=True)

        def forward(self, label: Tensor) -> Tensor:
            tokens = self.embedding(label)
            return self.attention(tokens, tokens, tokens, need_weights=False)[0]

    net = Mixed()
    norm = spectral_norm(net)
    compiled = torch.compile(net, fullgraph=True, backend="aot_eager")
    label = torch.tensor([[0, 1, 2], [3, 4, 0]])
    assert torch.allclose(compiled(label), net(label), atol=1e-6)
    norm.refresh()
    with torch._dynamo.config.patch(error_on_recompile=True):
        compiled(label).sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


@pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a C++ compiler")
@pytest.mark.filterwarnings("ignore:.torch.jit.:DeprecationWarning")  # torch's own
def test_inductor():
    nets = [nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)) for _ in range(2)]
    nets[1].load_state_dict(nets[0].state_dict())
    for net in nets:
        spectral_norm(net, automatic=False)
    losses = []
    for net, call in ((nets[0], nets[0]), (nets[1], torch.compile(nets[1], fullgraph=True))):
        optimizer = torch.optim.SGD(net.parameters(), 0.1)
        for step in range(3):
            inputs = torch.randn(4, 4, generator=torch.Generator().manual_seed(step))
            loss = call(inputs).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            SpectralNorm.of(net).refresh()
            losses.append(loss.item())
    assert losses[3:] == pytest.approx(losses[:3], rel=1e-5)


@pytest.mark.parametrize(("mode", "strict"), [*((mode, False) for mode in MODES), ("hard", True)])
def test_export(mode, strict):
    """The exported program normalizes by the stored vectors, with the stored weight and the vectors as its state."""
    net = network()
    spectral_norm(net, mode=mode)
    net.eval()
    program = torch.export.export(net, (images(),), strict=strict)
    assert torch.allclose(program.module()(images(1)), net(images(1)), atol=1e-6)
    assert "0.weight" in program.state_dict


@pytest.mark.filterwarnings("ignore:.torch.jit.:DeprecationWarning")  # still under many deployments and the older ONNX export
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")  # of shapes, which do not change
def test_trace():
    net = network()
    spectral_norm(net)
    net(images())
    net.eval()
    traced = torch.jit.trace(net, (images(),))
    assert torch.allclose(traced(images(1)), net(images(1)), atol=1e-6)
    assert len(list(traced.parameters())) == len(list(net.parameters()))
    net.train()
    net(images()).sum().backward()
    assert net[0]._parameters["weight"].grad.any()


@pytest.mark.parametrize("mode", ["hard", "gain"])
def test_compiled_code_under_autocast_divides_in_full_precision(mode):
    """In bfloat16 sigma would have two digits."""
    layer = nn.Linear(30, 20)
    spectral_norm(layer, mode=mode)
    read = torch.compile(lambda: layer.weight * 1, fullgraph=True, backend="aot_eager")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = read()
    assert torch.allclose(found, layer.weight, rtol=1e-5)
    found.sum().backward()
    assert layer._parameters["weight"].grad.dtype == torch.float32
