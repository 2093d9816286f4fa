import pytest
import torch
from torch import nn

from steadygan.game import Networks
from steadygan.spectral import weights
from steadygan.stabilizers import Orthogonality
from steadygan.stabilizers.orthogonality import off_diagonal_energy, orthogonality_penalty


def naive(matrices):
    """The formula of the paper, letter by letter."""
    off_diagonal = 1 - torch.eye(matrices.shape[1], dtype=matrices.dtype)
    return ((matrices @ matrices.mT) * off_diagonal).square().sum()


@pytest.mark.parametrize("shape", [(1, 4, 9), (1, 9, 4), (3, 5, 5), (2, 7, 1), (2, 1, 7)])
def test_value_and_gradient_are_those_of_the_formula(shape):
    matrices = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_(True)
    ours, theirs = off_diagonal_energy(matrices), naive(matrices)
    # float64 products of at most 9 terms: 1e-12 leaves a factor of 1000 over the rounding.
    assert torch.allclose(ours, theirs, rtol=1e-12, atol=1e-12)
    gradients = [torch.autograd.grad(value, matrices)[0] for value in (ours, theirs)]
    assert torch.allclose(*gradients, rtol=1e-11, atol=1e-11)


def test_orthogonal_rows_of_any_length_cost_nothing():
    assert off_diagonal_energy(torch.diag(torch.tensor([1.0, 5.0, 100.0]))[None]).item() == 0.0


def test_no_digits_are_lost_near_orthogonality():
    """Rows of length 100 with inner product 0.1; through W'W it would be a difference of two numbers near 2e8, good to 16."""
    rows = torch.tensor([[[100.0, 0.0, 0.0], [0.001, 100.0, 0.0]]])
    assert off_diagonal_energy(rows).item() == pytest.approx(2 * 0.1**2, rel=1e-6)


def test_two_rows_in_closed_form():
    layer = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert orthogonality_penalty(layer).item() == 2 * (1 * 3 + 2 * 4) ** 2  # both (1, 2) and (2, 1)


def test_sums_over_layers_of_all_kinds_but_embeddings():
    network = nn.Sequential(nn.Embedding(7, 4), nn.Linear(4, 6), nn.Conv2d(4, 8, 3, groups=2), nn.ConvTranspose2d(4, 6, 3))
    network = network.double()
    others = [weight for weight in weights(network) if not isinstance(weight.layer, nn.Embedding)]
    assert [weight.name for weight in others] == ["1", "2", "3"]
    expected = sum(naive(weight.matrices(weight.value)) for weight in others)
    assert orthogonality_penalty(network).item() == pytest.approx(expected.item(), rel=1e-12)
    assert orthogonality_penalty(nn.ReLU()).item() == 0.0


def test_queries_keys_and_values_are_three_matrices():
    """Rows of queries need not be orthogonal to rows of keys."""
    attention = nn.MultiheadAttention(4, 2, bias=False).double()
    parts = [*attention.in_proj_weight.detach().chunk(3), attention.out_proj.weight]
    expected = sum(naive(part[None]) for part in parts)
    assert orthogonality_penalty(attention).item() == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize("on", ["discriminator", "generator", "both"])
def test_acts_on_the_chosen_players(on, make_batch):
    networks, batch = Networks(nn.Linear(3, 2), nn.Linear(2, 4)), make_batch()
    stabilizer = Orthogonality(on=on, weight=0.5)
    of_discriminator = stabilizer.penalty(networks.discriminator, batch)
    of_generator = stabilizer.generator_penalty(networks, batch)
    assert (of_discriminator is None) == (on == "generator")
    assert (of_generator is None) == (on == "discriminator")
    if of_generator is not None:
        assert torch.equal(of_generator, 0.5 * orthogonality_penalty(networks.generator))


def test_every(make_batch):
    stabilizer, layer = Orthogonality(on="discriminator", weight=1, every=4), nn.Linear(3, 3)
    assert stabilizer.penalty(layer, make_batch(step=1)) is None
    assert torch.equal(stabilizer.penalty(layer, make_batch(step=8)), 4 * orthogonality_penalty(layer))
