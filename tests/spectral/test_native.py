"""The kernels against the same arithmetic in torch and NumPy; everything else that holds of them, the other tests say."""

import gc
import weakref

import pytest
import torch
from spectral_cases import build_or_skip
from torch import Tensor, nn
from torch.nn.functional import normalize

from steadygan.spectral import SpectralNorm, native, spectral_norm
from steadygan.spectral.native import Iteration, Seat, known_triplet
from steadygan.spectral.normalization import starting_vectors
from steadygan.spectral.subspace import Stack, bilinear
from steadygan.spectral.vectors import is_straight
from steadygan.spectral.workspace import Workspace

SHAPES = [(1, 1), (1, 7), (7, 1), (2, 2), (3, 5), (4, 27), (9, 3), (17, 130), (64, 288), (130, 17), (5, 3000)]


@pytest.fixture(autouse=True)
def _kernels():
    build_or_skip()


@pytest.fixture
def without(monkeypatch):
    """A function after whose call no kernels are used."""
    return lambda: monkeypatch.setattr(native, "kernels", lambda: None)


def start_for(matrix: Tensor) -> Tensor:
    return starting_vectors(1, 3, matrix.shape[1], "v").to(matrix)


def seat(matrix: Tensor, home: tuple[Tensor, Tensor] | None = None) -> Seat:
    return Seat(start_for(matrix), home, torch.empty_like(matrix), torch.tensor(0.7))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", [1, 2, 6])
def test_the_iteration_is_that_of_numpy(shape, count):
    """Sigma to rounding; vectors within what rounding turns them by, where singular values are apart."""
    torch.manual_seed(sum(shape))
    matrix = torch.randn(shape)
    (ours,) = Iteration([Stack(matrix[None])]).iterate([seat(matrix)], 0.0, count)
    (theirs,) = Workspace([Stack(matrix[None])]).iterate([start_for(matrix)], 0.0, count)
    assert float(ours.sigma) == pytest.approx(float(theirs.sigma), rel=1e-5)
    assert float(ours.residual) == pytest.approx(float(theirs.residual), abs=1e-3)
    assert abs(float(ours.v @ theirs.v)) == pytest.approx(1, abs=1e-4)
    assert is_straight(ours.basis, 1)
    assert float(ours.u.norm()) == pytest.approx(1, abs=1e-5)
    assert float(ours.u @ matrix @ ours.v) == pytest.approx(float(ours.sigma), rel=1e-5)


@pytest.mark.parametrize("shape", [(64, 288), (17, 130)])
def test_it_finds_the_largest_singular_value(shape):
    torch.manual_seed(0)
    matrix = torch.randn(shape)
    (found,) = Iteration([Stack(matrix[None])]).iterate([seat(matrix)], 1e-4, 200)
    assert float(found.sigma) == pytest.approx(float(torch.linalg.matrix_norm(matrix, 2)), rel=1e-5)


def test_several_matrices_do_not_disturb_each_other():
    torch.manual_seed(0)
    matrices = [torch.randn(shape) for shape in SHAPES]
    together = Iteration([Stack(one[None]) for one in matrices]).iterate([seat(one) for one in matrices], 0.01, 5)
    for matrix, found in zip(matrices, together, strict=True):
        (alone,) = Iteration([Stack(matrix[None])]).iterate([seat(matrix)], 0.01, 5)
        assert torch.equal(found.u, alone.u)
        assert torch.equal(found.basis, alone.basis)
        assert found.numbers == alone.numbers


def test_buffers_and_the_normalized_weight_are_filled():
    matrix = torch.randn(6, 20)
    home = (torch.zeros(6), torch.zeros(3, 20))
    versions = [one._version for one in home]
    (found,) = Iteration([Stack(matrix[None])]).iterate([seat(matrix, home)], 0.0, 3)
    assert torch.equal(home[0], found.u)
    assert torch.equal(home[1], found.basis)
    assert [one._version for one in home] > versions  # autograd is told
    assert torch.allclose(found.value, 0.7 * matrix / found.sigma, rtol=1e-6)
    assert found.factors() == (float(found.sigma), pytest.approx(0.7 / float(found.sigma)))


@pytest.mark.parametrize("number", [0.0, 1e-20, 1e20, torch.nan, torch.inf])
def test_what_float32_cannot_square_is_left_to_others_and_nothing_is_written(number):
    fine, matrix = torch.randn(4, 8), torch.full((4, 8), number)
    homes = [(torch.zeros(4), torch.zeros(3, 8)) for _ in range(2)]
    seats = [seat(one, home) for one, home in zip((fine, matrix), homes, strict=True)]
    assert Iteration([Stack(fine[None]), Stack(matrix[None])]).iterate(seats, 0.0, 3) is None
    assert not any(one.any() for home in homes for one in home)


@pytest.mark.parametrize("shape", SHAPES)
def test_sigma_from_the_buffers_is_the_iterations_to_the_last_bit(shape):
    torch.manual_seed(1)
    matrix = torch.randn(shape)
    (found,) = Iteration([Stack(matrix[None])]).iterate([seat(matrix)], 0.0, 2)
    again = known_triplet(matrix, found.u, found.v)
    assert again.numbers[0] == found.numbers[0]
    assert again.numbers[0] == pytest.approx(float(bilinear(Stack(matrix[None]), found.u, found.v)), rel=1e-5)


LAYOUTS = {
    "linear": lambda: nn.Linear(30, 20),
    "convolution": lambda: nn.Conv2d(3, 5, 3),
    "1x1": lambda: nn.Conv2d(8, 5, 1),
    "channels last": lambda: nn.Conv2d(4, 6, 3).to(memory_format=torch.channels_last),
    "embedding": lambda: nn.Embedding(11, 6),
    "turned over": lambda: turned_over(nn.Linear(30, 20)),
    "gaps": lambda: with_gaps(nn.Linear(30, 20)),
}


def turned_over(layer: nn.Linear) -> nn.Linear:
    """Its weight lies column after column."""
    layer.weight = nn.Parameter(layer.weight.detach().T.contiguous().T)
    return layer


def with_gaps(layer: nn.Linear) -> nn.Linear:
    """Its weight is every other column of a larger one."""
    layer.weight = nn.Parameter(layer.weight.detach().repeat_interleave(2, 1)[:, ::2])
    return layer


@pytest.mark.parametrize("layout", LAYOUTS)
def test_values_and_gradients_in_every_layout(layout, without):
    """The same as without kernels: value, gradient, and where they lie in memory."""
    found = []
    for kernels in (True, False):
        torch.manual_seed(3)
        layer = LAYOUTS[layout]()
        if not kernels:
            without()
        norm = spectral_norm(layer)
        norm.refresh(40)
        (one,) = norm.weights
        value = one.read()
        given = torch.linspace(-1, 2, value.numel()).reshape(value.shape)
        (gradient,) = torch.autograd.grad((value * given).sum(), one.raw)
        found.append((value.detach(), gradient))
    for ours, theirs in zip(*found, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-3, atol=2e-3 * float(theirs.abs().max()))
        assert ours.stride() == theirs.stride()


@pytest.mark.parametrize("layout", ["contiguous", "expanded", "turned over"])
def test_any_gradient_may_arrive(layout):
    """Autograd hands over gradients of any layout; the gradient is that of the formula."""
    norm = spectral_norm(layer := nn.Linear(6, 4))
    (one,) = norm.weights
    value = one.read()
    given = {
        "contiguous": torch.randn(4, 6),
        "expanded": torch.randn(1, 6).expand(4, 6),
        "turned over": torch.randn(6, 4).T,
    }[layout]
    (ours,) = torch.autograd.grad(value, layer._parameters["weight"], given)
    pure = one.formula(one.raw, [u.clone() for u in one.us()], [basis[0].clone() for basis in one.bases()], None)
    (theirs,) = torch.autograd.grad(pure, one.raw, given)
    assert torch.allclose(ours, theirs, atol=1e-6)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 16, 3), nn.LeakyReLU(0.1), nn.Conv2d(16, 24, 3), nn.Flatten(), nn.Linear(24 * 16, 1))


def trained(net: nn.Module, steps: int = 20) -> list[Tensor]:
    """Real and fake walk back separately, Adam, automatic refreshes."""
    spectral_norm(net)
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    images = torch.randn(steps, 2, 4, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    for real, fake in images:
        optimizer.zero_grad()
        net(real).relu().mean().backward()
        (-net(fake)).exp().mean().backward()
        optimizer.step()
    return [layer._parameters["weight"].detach() for layer in SpectralNorm.of(net).layers.values()]


def test_a_training_is_the_same_without_kernels(without):
    ours = trained(network())
    without()
    for one, other in zip(ours, trained(network()), strict=True):
        assert torch.allclose(one, other, atol=2e-4)  # a fifth of one step of Adam


def test_a_training_is_repeated_to_the_last_bit():
    assert all(map(torch.equal, trained(network(), 5), trained(network(), 5)))


def test_large_weights_stay_with_torch_where_it_has_several_threads(monkeypatch):
    monkeypatch.setattr(native, "LARGE", 500)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    norm = spectral_norm(net := network())
    room = norm.weights[0].group.room
    assert [net[0], net[2], net[4]] == list(norm.layers.values())
    assert (room.quick, room.slow) == ([0, 2], [1])
    exact = [float(torch.linalg.matrix_norm(one.raw.detach().flatten(1), 2)) for one in norm.weights]
    norm.refresh(100)
    assert list(norm.sigma.values()) == pytest.approx(exact, rel=1e-4)


def test_who_never_reads_costs_no_division_and_the_first_read_makes_all():
    norm = spectral_norm(network(), automatic=False)
    norm.refresh()
    assert all(one.value is None for one in norm.weights)  # none was read since the refresh before
    first = norm.weights[0].read()
    assert all(one.value is not None for one in norm.weights)
    assert len({one.value.grad_fn for one in norm.weights}) == 1
    norm.refresh()
    assert norm.weights[1].value is not None
    assert norm.weights[0].value is not first


def test_a_graph_is_freed_with_its_network():
    net = network()
    spectral_norm(net)
    net(torch.randn(2, 3, 8, 8)).sum().backward()
    (value,) = [weakref.ref(one.value) for one in SpectralNorm.of(net).weights[:1]]
    del net
    gc.collect()
    assert value() is None


def test_unit_vectors_at_every_step():
    """u and v stay of length 1 while weights move far at each step."""
    layer = nn.Linear(40, 30)
    norm = spectral_norm(layer, automatic=False)
    for _ in range(20):
        with torch.no_grad():
            norm.weights[0].raw.add_(torch.randn(30, 40))
        norm.refresh()
        u, basis = norm.weights[0].us()[0], norm.weights[0].bases()[0]
        assert torch.allclose(normalize(u, dim=0), u, atol=1e-5)
        assert torch.allclose(basis @ basis.T, torch.eye(3), atol=1e-4)
