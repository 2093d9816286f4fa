import numpy as np
import pytest

from steadygan.diagnosis.diverging_norms import DivergingNorms


def spoiled(series, **growth):
    """The series with its last 20 readings growing to `growth` times what they were."""
    for name, factor in growth.items():
        series[name.replace("__", "/")][-20:] *= np.geomspace(1, factor, 20)
    return series


def test_logits_and_gradients_together_diverge(healthy, history):
    series = spoiled(healthy(), gap__logits=1e5, grad_norm__discriminator=1e5)
    finding = DivergingNorms().check(history(series))
    assert finding.reason.startswith("Logits and gradient norms run away since step 2,")
    assert {item.series for item in finding.evidence} == {"gap/logits", "grad_norm/discriminator"}
    assert all(abs(item.value) > item.threshold for item in finding.evidence)


@pytest.mark.parametrize("alone", ["gap__logits", "grad_norm__discriminator", "logit__fake"])
def test_one_group_alone_is_not_enough(healthy, history, alone):
    assert DivergingNorms().check(history(spoiled(healthy(), **{alone: 1e6}))) is None


def test_growing_sigma_and_growing_logits_within_two_decades_are_not_enough(healthy, history):
    series = spoiled(healthy(), gap__logits=50, grad_norm__discriminator=50)
    series["sigma/D.conv1"] = np.geomspace(1, 1e6, 60)
    assert DivergingNorms().check(history(series)) is None


def test_a_spike_of_two_readings_passes(healthy, history):
    series = healthy()
    for name in ("gap/logits", "grad_norm/discriminator"):
        series[name][40:42] = 1e6
        series[name][-2:] = 1e6
    assert DivergingNorms().check(history(series)) is None


def test_growth_from_almost_nothing_is_how_training_starts(healthy, history):
    """Fresh logits are near zero: a hundredfold growth to 5 is learning, not divergence."""
    series = healthy()
    for name in ("gap/logits", "grad_norm/discriminator", "sigma/D.conv1"):
        series[name] = np.geomspace(1e-4, 5, 60)
    assert DivergingNorms().check(history(series)) is None


def test_twenty_times_the_median_is_not_orders_of_magnitude(healthy, history):
    """One stray small reading must not become what growth is held against."""
    series = healthy()
    for name in ("gap/logits", "grad_norm/discriminator"):
        series[name] = np.full(60, 50.0)
        series[name][3], series[name][-5:] = 0.01, 1000.0
    assert DivergingNorms().check(history(series)) is None


def test_a_widely_scattered_series_has_a_wide_range_of_its_own(healthy, history):
    """Readings that always scattered over four decades may do so: 8 deviations of the logarithm hold them."""
    series = healthy()
    scattered = 10.0 ** np.resize([-2, 0, 2], 60)
    for name in ("gap/logits", "grad_norm/discriminator"):
        series[name] = scattered.copy()
        series[name][-3:] = 1e5
    assert DivergingNorms().check(history(series)) is None
    assert DivergingNorms(deviations=1.0).check(history(series)) is not None
