import numpy as np
import pytest

from steadygan.diagnosis.diversity_collapse import DiversityCollapse


def with_end(series, values):
    series["diversity/pairwise_ratio"][-len(values) :] = values
    return series


@pytest.mark.parametrize(("end", "severity"), [([0.65, 0.62, 0.6], "warning"), ([0.4, 0.3, 0.2], "failure")])
def test_a_fall_that_lasts_is_found(healthy, history, end, severity):
    finding = DiversityCollapse().check(history(with_end(healthy(), end)))
    assert finding.severity == severity
    assert "since step 2,900" in finding.reason
    assert finding.evidence[0].series == "diversity/pairwise_ratio"
    assert finding.evidence[0].threshold == 0.7  # the guard: 0.85 times the best would be above it


@pytest.mark.parametrize("end", [[0.3, 0.3], [0.3, 0.9, 0.3], [0.75, 0.75, 0.75, 0.75]])
def test_two_readings_or_a_mild_fall_are_not_enough(healthy, history, end):
    assert DiversityCollapse().check(history(with_end(healthy(), end))) is None


def test_an_early_dip_is_a_warning_at_most(healthy, history):
    """A WGAN-GP run on a ring of 8 dipped to 0.3 from step 150 to 750 and then covered all modes."""
    series = healthy(readings=20)
    series["diversity/pairwise_ratio"] = np.r_[np.full(10, 0.9), np.full(10, 0.2)]
    assert DiversityCollapse().check(history(series)).severity == "warning"
    assert DiversityCollapse(early=19).check(history(series)).severity == "failure"


def test_a_run_that_never_was_more_diverse_has_lost_nothing(healthy, history):
    series = healthy()
    series["diversity/pairwise_ratio"] = np.full(60, 0.6)
    assert DiversityCollapse().check(history(series)) is None


def test_hopping_samples_do_not_end_a_finding_by_looking_diverse_twice(healthy, history):
    hopping, recovered = with_end(healthy(), [0.3] * 3 + [0.9] * 2), with_end(healthy(), [0.3] * 3 + [0.9] * 3)
    finding = DiversityCollapse().check(history(hopping))
    assert finding.evidence[0].value < finding.evidence[0].threshold
    assert DiversityCollapse().check(history(recovered)) is None


def test_the_threshold_is_what_it_was_at_the_time(healthy, history):
    """Low readings before the samples spread are no collapse once they have."""
    series = healthy()
    series["diversity/pairwise_ratio"] = np.r_[np.full(58, 0.6), 0.95, 0.95]
    assert DiversityCollapse().check(history(series)) is None


def test_one_lucky_reading_is_not_the_best(healthy, history):
    series = healthy()
    series["diversity/pairwise_ratio"] = np.full(60, 0.6)
    series["diversity/pairwise_ratio"][20] = 3.0
    assert DiversityCollapse().check(history(series)) is None


def test_the_advice_follows_the_cause(healthy, history):
    hopping, overpowered = with_end(healthy(), [0.3] * 5), with_end(healthy(), [0.3] * 5)
    overpowered["accuracy/discriminator"][-5:] = 0.9
    assert "generator.optimizer.learning_rate=0.00001" in DiversityCollapse().check(history(hopping)).advice
    assert "add r1" in DiversityCollapse().check(history(overpowered)).advice


def test_it_needs_no_other_series(healthy, history):
    series = {"diversity/pairwise_ratio": with_end(healthy(), [0.3] * 5)["diversity/pairwise_ratio"]}
    finding = DiversityCollapse().check(history(series))
    assert "generator.optimizer.learning_rate=(today's times 0.1)" in finding.advice
