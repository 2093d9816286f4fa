import pytest
import torch

from steadygan.errors import EvaluationError
from steadygan.evaluation import KernelDistance
from steadygan.evaluation.kernel import mmd


def normal(n, seed, width=4, shift=0.0):
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed)) + shift


def estimates(shift, repeats=300, n=40):
    """Values and standard errors of many independent estimates: [R], [R]."""
    pairs = [mmd(normal(n, 2 * seed), normal(n, 2 * seed + 1, shift=shift)) for seed in range(repeats)]
    return torch.tensor(pairs, dtype=torch.float64).unbind(1)


def test_it_is_zero_on_average_for_equal_distributions():
    """Of 300 estimates, to 4 standard errors. With the pairs (i, i) left in the mean would be 2 E k(x, x) / n: far outside."""
    values, _ = estimates(shift=0.0)
    error = values.std() / len(values) ** 0.5
    assert abs(values.mean()) < 4 * error
    assert error < 0.1 * 2 * (normal(1000, 0).square().sum(1) / 4 + 1).pow(3).mean() / 40


def test_the_standard_error_is_the_spread_where_distributions_differ():
    """The spread of 300 values is itself known to 1 / sqrt(600) = 4%: allow four times that and a little bias."""
    values, errors = estimates(shift=0.7)
    assert float(errors.mean() / values.std()) == pytest.approx(1, abs=0.2)


def test_the_standard_error_is_not_too_small_at_zero():
    values, errors = estimates(shift=0.0)
    assert errors.square().mean() > 0.85 * values.var()


def test_a_known_distance():
    """Points at 0 against points at 1 in one dimension: 1 + (1 + 1)^3 - 2 * 1 = 7."""
    assert mmd(torch.zeros(5, 1), torch.ones(7, 1)) == (7.0, 0.0)


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_chunks_and_order_do_not_matter(chunk):
    x, y = normal(30, 0), normal(20, 1, shift=1)
    there, back = mmd(x, y, chunk), mmd(y, x)
    # sums of 600 float32 kernel values of some 10 or 100, added in float64
    assert there == pytest.approx(back, rel=1e-5)


def test_the_jackknife_is_that_of_leaving_each_sample_out():
    x, y = normal(9, 0).double(), normal(6, 1, shift=1).double()
    variance = 0.0
    for mine, left_out in (
        (x, [mmd(torch.cat([x[:i], x[i + 1 :]]), y).value for i in range(len(x))]),
        (y, [mmd(x, torch.cat([y[:i], y[i + 1 :]])).value for i in range(len(y))]),
    ):
        values, n = torch.tensor(left_out, dtype=torch.float64), len(mine)
        variance += float((n - 1) / n * (values - values.mean()).square().sum())
    assert mmd(x, y).standard_error == pytest.approx(variance**0.5, rel=1e-9)


def test_more_noise_is_further(samples):
    real = samples(normal(200, 0))
    distances = [KernelDistance().compare(real, samples(normal(200, 1) * (1 + scale)))["kid"] for scale in (0, 0.5, 1, 2)]
    assert distances == sorted(distances)
    assert distances[-1] > 1


def test_too_few_a_missing_tap_and_nan_are_named(samples):
    good, metric = samples(normal(10, 0)), KernelDistance()
    with pytest.raises(EvaluationError, match="kid: needs at least 4 samples on each side, got 3"):
        metric.compare(good, samples(normal(3, 0)))
    with pytest.raises(EvaluationError, match="no tap 'neck'; taps here: head, tap"):
        KernelDistance(tap="neck").compare(good, good)
    broken = normal(10, 0)
    broken[3, 1] = torch.nan
    with pytest.raises(EvaluationError, match="1 of 10 samples have features that are not finite"):
        metric.compare(good, samples(broken))
