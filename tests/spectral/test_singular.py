import math

import numpy as np
import pytest
import torch
from torch import nn

from steadygan.spectral import condition_number, effective_rank, singular_values, stable_rank


def test_against_numpy_on_the_reshaped_kernel():
    layer = nn.Conv2d(3, 5, 3)
    expected = np.linalg.svd(layer.weight.detach().double().numpy().reshape(5, -1), compute_uv=False)
    assert singular_values(layer.weight, layer)[0].numpy() == pytest.approx(expected, rel=1e-10)


def test_a_grouped_convolution_is_block_diagonal():
    layer = nn.Conv2d(4, 6, 1, groups=2)
    dense = torch.zeros(6, 4)
    weight = layer.weight.detach()[:, :, 0, 0]
    dense[:3, :2], dense[3:, 2:] = weight[:3], weight[3:]
    expected = torch.linalg.matrix_norm(dense.double(), 2)
    assert singular_values(layer.weight, layer).amax() == pytest.approx(float(expected), rel=1e-6)


def test_a_transposed_kernel_is_the_other_way_round():
    layer = nn.ConvTranspose2d(3, 5, 2)
    expected = layer.weight.detach().double().transpose(0, 1).reshape(5, -1)
    assert singular_values(layer.weight, layer)[0, 0] == pytest.approx(float(torch.linalg.matrix_norm(expected, 2)), rel=1e-10)


def test_ranks_and_condition_in_closed_form():
    values = torch.tensor([[4.0, 2.0, 2.0]])
    entropy = 0.5 * math.log(2) + 2 * 0.25 * math.log(4)
    assert condition_number(values) == 2
    assert stable_rank(values) == pytest.approx(24 / 16)
    assert effective_rank(values) == pytest.approx(math.exp(entropy), rel=1e-5)
    assert condition_number(torch.tensor([[1.0, 0.0]])) == math.inf


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_extreme_scales(scale):
    weight = torch.eye(3, dtype=torch.float64) * scale
    assert float(singular_values(weight, nn.Linear(3, 3)).amax()) == pytest.approx(scale)


def test_a_weight_that_is_not_finite_gives_nan_and_no_error():
    assert singular_values(torch.full((2, 3), math.inf), nn.Linear(3, 2)).isnan().all()
