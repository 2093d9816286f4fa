import pytest
import torch

from steadygan.evaluation import FrechetDistance
from steadygan.evaluation.frechet import frechet_distance, moments, square_root


def diagonal(*values):
    return torch.diag(torch.tensor(values, dtype=torch.float64))


def test_gaussians_with_commuting_covariances():
    """Squared distance of the means plus, on each shared axis, the squared difference of the standard deviations."""
    rotation, _ = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))
    a, b = (rotation @ diagonal(*values) @ rotation.T for values in ((1, 4, 9), (16, 4, 0)))
    found = frechet_distance(torch.zeros(3), a, torch.tensor([1.0, 2.0, 2.0]), b)
    # the eigenvalue that should be 0 may come out as 1e-15, whose root is 3e-8; it enters twice, times 3
    assert found == pytest.approx(9 + (3**2 + 0 + 3**2), abs=1e-6)


def test_gaussians_that_do_not_commute():
    """In two dimensions tr (S S')^(1/2) = sqrt(tr S S' + 2 sqrt(det S S')), a closed form."""
    a = torch.tensor([[2.0, 1.0], [1.0, 3.0]], dtype=torch.float64)
    b = torch.tensor([[1.0, -0.5], [-0.5, 4.0]], dtype=torch.float64)
    cross = ((a @ b).trace() + 2 * (a @ b).det().sqrt()).sqrt()
    found = frechet_distance(torch.zeros(2), a, torch.zeros(2), b)
    assert found == pytest.approx(float(a.trace() + b.trace() - 2 * cross), rel=1e-12)


def test_samples_against_themselves_moved(samples):
    """A shift of all samples is the distance itself; the covariances cancel to float64, the shifted samples are float32."""
    x = torch.randn(50, 8)
    distance = FrechetDistance().compare(samples(x), samples(x + 1))["frechet"]
    assert distance == pytest.approx(8, rel=1e-5)
    assert FrechetDistance().compare(samples(x), samples(x))["frechet"] == pytest.approx(0, abs=1e-6)


def test_fewer_samples_than_features(samples):
    x = torch.randn(6, 40)
    distance = FrechetDistance().compare(samples(x), samples(-x))["frechet"]
    # the covariances are equal and of rank 5: only the means are apart; 35 eigenvalues of 1e-15 may leave roots of 3e-8
    assert distance == pytest.approx(float((2 * x.mean(0)).square().sum()), abs=1e-5)


def test_small_samples_are_biased_upwards(samples):
    def between(n):
        return FrechetDistance().compare(samples(torch.randn(n, 16)), samples(torch.randn(n, 16)))["frechet"]

    assert between(40) > 2 * between(400) > 4 * between(4000)


def test_moments_are_unbiased_and_in_float64():
    mean, covariance = moments(torch.randn(30, 5) + 1000)
    assert mean.dtype == covariance.dtype == torch.float64
    # float32 samples near 1000 are exact as float64 once they are there
    x = torch.randn(30, 5).double() + 3
    torch.testing.assert_close(moments(x)[1], torch.cov(x.T))


def test_square_root():
    root = square_root(diagonal(4, 9, -1e-18))
    torch.testing.assert_close(root, diagonal(2, 3, 0))
