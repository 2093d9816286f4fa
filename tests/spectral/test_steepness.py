import pytest
import torch

from steadygan.spectral import steepness
from steadygan.spectral.steepness import Work, local_slopes, sampled, steepest


def generator():
    return torch.Generator().manual_seed(0)


def test_the_slope_of_one_output_is_its_gradient():
    x = torch.randn(5, 3, 2, dtype=torch.float64)
    slopes = local_slopes(lambda images: images.square().flatten(1).sum(1, keepdim=True), x, generator())
    assert torch.allclose(slopes, 2 * x.flatten(1).norm(dim=1), rtol=1e-12)


def test_power_iteration_on_the_jacobian_of_several_outputs():
    """From below, and near: (1/4)^(4 * 2) is what is left of the others."""
    matrix = torch.diag(torch.tensor([4.0, 1.0, 1.0], dtype=torch.float64))
    slopes = local_slopes(lambda images: images @ matrix, torch.zeros(6, 3, dtype=torch.float64), generator())
    assert torch.all(slopes <= 4 * (1 + 1e-12))
    assert torch.all(slopes >= 4 * (1 - 1e-3))


def test_what_has_no_gradient_is_flat():
    assert steepest(lambda images: torch.ones(len(images), 1), torch.zeros(3, 2)) == 0
    assert steepest(lambda images: 0 * images, torch.zeros(3, 2)) == 0
    assert steepest(lambda images: images / 0, torch.zeros(3, 2)) == 0  # not finite: nothing is known


def test_it_climbs(monkeypatch):
    """The slope x^2 rises without end: a round that starts where the last one ended comes further than from the start."""
    found = []
    for rounds in (0, 1, 3):
        monkeypatch.setattr(steepness, "ROUNDS", rounds)
        found.append(steepest(lambda images: images**3 / 3, torch.ones(8, 1)))
    assert found[0] == pytest.approx(1, rel=1e-5)
    assert found[0] * 2 < found[1]
    assert found[1] * 1.05 < found[2]


def test_it_keeps_the_best():
    """Steep at the start alone: no round may lose it."""
    assert steepest(lambda images: torch.tanh(1000 * images), torch.zeros(4, 1)) == pytest.approx(1000, rel=1e-5)


def test_rounding_is_taken_off():
    for dtype in (torch.float32, torch.float64):
        found = steepest(lambda images: 3 * images, torch.zeros(2, 1, dtype=dtype))
        assert 3 * (1 - 20 * torch.finfo(dtype).eps) <= found < 3


def test_samples_are_the_same_each_time():
    like = torch.zeros((), dtype=torch.float64)
    images = sampled((2, 3), 5, like)
    assert images.shape == (5, 2, 3)
    assert images.dtype == torch.float64
    assert torch.equal(images, sampled((2, 3), 5, like))
    assert images[:3].abs().amax() <= 1


def test_work_counts_multiplications():
    with Work() as work:
        torch.ones(2, 3) @ torch.ones(3, 5) + 1
        torch.conv1d(torch.ones(1, 2, 6), torch.ones(4, 2, 3))
    assert work.total == 2 * 3 * 5 + 4 * 4 * 2 * 3
