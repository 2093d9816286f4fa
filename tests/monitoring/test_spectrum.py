import math

import pytest
import torch
from torch import nn

from steadygan.game import Networks
from steadygan.monitoring import Spectrum
from steadygan.spectral import SpectralNorm, spectral_norm


def linear(weight):
    layer = nn.Linear(len(weight[0]), len(weight), bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weight))
    return layer


def measure(discriminator, generator, make_batch):
    return Spectrum().measure(Networks(generator, discriminator), make_batch(torch.zeros(1, 1), torch.zeros(1, 1)))


def test_a_diagonal_weight_of_either_player(make_batch):
    layer = linear([[4.0, 0, 0], [0, 2.0, 0], [0, 0, 2.0]])
    shares = (0.5, 0.25, 0.25)
    rank = math.exp(-sum(share * math.log(share) for share in shares)) / 3
    expected = {
        f"{name}/{player}.0": pytest.approx(value, rel=1e-6)  # effective_rank is given to 6 decimals
        for player in "DG"
        for name, value in (("sigma", 4.0), ("condition", 2.0), ("effective_rank", rank))
    }
    assert measure(nn.Sequential(layer, nn.ReLU()), nn.Sequential(layer), make_batch) == expected


def test_a_normalized_layer_is_read_as_it_is_used(make_batch):
    discriminator = nn.Sequential(linear([[3.0, 0], [0, 1.0]]))
    spectral_norm(discriminator, coefficient=8)
    SpectralNorm.of(discriminator).refresh(20)
    readings = measure(discriminator, nn.Identity(), make_batch)
    assert readings["sigma/D.0"] == pytest.approx(8, rel=1e-6)  # converged: (1/3)^80 is below float32's rounding
    assert readings["sigma_error/D.0"] == pytest.approx(0, abs=1e-6)
    assert readings["condition/D.0"] == pytest.approx(3, rel=1e-6)


def test_a_wrong_estimate_shows(make_batch):
    """The vectors point at the second singular value, 1: the layer is three times as steep as promised."""
    discriminator = nn.Sequential(linear([[3.0, 0], [0, 1.0]]), linear([[2.0, 0], [0, 1.0]]))
    spectral_norm(discriminator, coefficient=5)
    second = {"0.weight_u": torch.tensor([0.0, 1.0]), "0.weight_v": torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]])}
    discriminator.load_state_dict({**discriminator.state_dict(), **second})
    readings = measure(discriminator, nn.Sequential(linear([[7.0, 0], [0, 1.0]])), make_batch)
    assert readings["sigma/D.0"] == pytest.approx(15, rel=1e-6)
    assert readings["sigma_error/D.0"] == pytest.approx(2, rel=1e-6)
    assert readings["sigma_error/max"] == readings["sigma_error/D.0"]
    assert "sigma_error/G.0" not in readings  # not normalized


def test_without_normalization_there_is_no_error_to_tell(make_batch):
    assert not [name for name in measure(nn.Linear(2, 2), nn.Linear(2, 2), make_batch) if name.startswith("sigma_error")]


def test_kernels_groups_and_embeddings(make_batch):
    network = nn.Sequential(nn.Embedding(5, 3), nn.Conv2d(4, 6, 3, groups=2), nn.ConvTranspose2d(6, 4, 2))
    readings = measure(nn.Identity(), network, make_batch)
    kernels = network[1].weight.detach().double().reshape(2, 3, 18)
    assert readings["sigma/G.1"] == pytest.approx(torch.linalg.matrix_norm(kernels, 2).max().item(), rel=1e-9)
    transposed = network[2].weight.detach().double().transpose(0, 1).flatten(1)
    assert readings["sigma/G.2"] == pytest.approx(torch.linalg.matrix_norm(transposed, 2).item(), rel=1e-9)
    assert readings["sigma/G.0"] > 0
    assert all(0 < readings[f"effective_rank/G.{i}"] <= 1 for i in range(3))


def test_queries_keys_and_values_are_read_apart(make_batch):
    attention = nn.MultiheadAttention(4, 2, bias=False)
    spectral_norm(attention, mode="hard").refresh(300)
    readings = measure(attention, nn.Identity(), make_batch)
    for part in ("in_proj_weight[q]", "in_proj_weight[k]", "in_proj_weight[v]", "out_proj"):
        assert readings[f"sigma/D.{part}"] == pytest.approx(1, rel=1e-5)
        assert readings[f"sigma_error/D.{part}"] == pytest.approx(0, abs=1e-5)
        assert readings[f"condition/D.{part}"] > 1
    plain = nn.MultiheadAttention(4, 2, bias=False)
    expected = [torch.linalg.matrix_norm(part, 2).item() for part in plain.in_proj_weight.detach().double().chunk(3)]
    readings = measure(nn.Identity(), plain, make_batch)
    assert [readings[f"sigma/G.in_proj_weight[{part}]"] for part in "qkv"] == pytest.approx(expected)


def test_reading_moves_nobodys_vectors(make_batch):
    """Torch's own spectral norm iterates at each read in training mode."""
    layer = nn.utils.parametrizations.spectral_norm(nn.Linear(9, 9))
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    measure(layer, nn.Identity(), make_batch)
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())


def test_a_single_row_has_a_norm_and_nothing_else(make_batch):
    assert measure(linear([[3.0, 4.0]]), nn.Identity(), make_batch) == {"sigma/D.": pytest.approx(5)}


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_broken_weight_is_told_not_raised(value, make_batch):
    discriminator = nn.Sequential(linear([[value, 0.0], [0.0, 1.0]]), linear([[2.0, 0.0], [0.0, 1.0]]))
    spectral_norm(discriminator)
    readings = measure(discriminator, nn.Identity(), make_batch)
    assert math.isnan(readings.pop("sigma/D.0"))
    assert all(math.isfinite(reading) for reading in readings.values())
    assert not [name for name in readings if name.endswith("D.0")]
    assert "sigma_error/max" in readings


def test_singular_and_zero_weights_have_no_condition_number(make_batch):
    readings = measure(linear([[1.0, 0.0], [0.0, 0.0]]), linear([[0.0, 0.0], [0.0, 0.0]]), make_batch)
    assert readings == {"sigma/D.": 1.0, "effective_rank/D.": 0.5, "sigma/G.": 0.0}
