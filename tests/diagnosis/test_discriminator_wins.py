import numpy as np
import pytest

from steadygan.diagnosis.discriminator_wins import DiscriminatorWins


def test_accuracy_alone_is_no_evidence(healthy, history):
    series = healthy()
    series["accuracy/discriminator"][:] = 1.0
    assert DiscriminatorWins().check(history(series)) is None


def test_a_dead_gradient_alone_is_no_evidence(healthy, history):
    series = healthy()
    series["grad_norm/generator"][30:] = 1e-6
    assert DiscriminatorWins().check(history(series)) is None


def test_both_together_are_a_failure_with_both_numbers(healthy, history):
    series = healthy()
    series["accuracy/discriminator"][30:] = 1.0
    series["grad_norm/generator"][30:] = 1e-6
    finding = DiscriminatorWins().check(history(series))
    assert finding.severity == "failure"
    assert [item.series for item in finding.evidence] == ["accuracy/discriminator", "grad_norm/generator"]
    assert "generator.optimizer.learning_rate=0.0002" in finding.advice


def test_right_on_nine_of_ten_is_not_nearly_always(healthy, history):
    series = healthy()
    series["accuracy/discriminator"][30:] = 0.95
    series["grad_norm/generator"][30:] = 1e-6
    assert DiscriminatorWins().check(history(series)) is None


def test_falling_diversity_is_a_warning(healthy, history):
    series = healthy()
    series["accuracy/discriminator"][30:] = 1.0
    series["diversity/pairwise_ratio"][40:] = 0.75
    assert DiscriminatorWins().check(history(series)).severity == "warning"


@pytest.mark.parametrize("readings", [1, 2])
def test_fewer_than_three_bad_readings_do_not_count(healthy, history, readings):
    series = healthy()
    series["accuracy/discriminator"][30:] = 1.0
    series["grad_norm/generator"][-readings:] = 1e-6
    assert DiscriminatorWins().check(history(series)) is None


def test_one_early_spike_of_the_gradient_is_not_what_it_is_held_against(healthy, history):
    series = healthy()
    series["accuracy/discriminator"][:] = 1.0
    series["grad_norm/generator"][1] = 1e6
    assert DiscriminatorWins().check(history(series)) is None


def test_readings_rarer_than_the_window_are_judged_by_the_newest_three(healthy, history):
    series = healthy()
    series["accuracy/discriminator"][-3:] = 1.0
    series["grad_norm/generator"][30:] = 1e-6
    assert DiscriminatorWins(window=20).check(history(series)) is not None


def test_a_gap_of_missing_readings_is_no_vote(healthy, history):
    series = healthy()
    series["accuracy/discriminator"][30:] = 1.0
    series["grad_norm/generator"][30:] = np.nan
    assert DiscriminatorWins().check(history(series)) is None
