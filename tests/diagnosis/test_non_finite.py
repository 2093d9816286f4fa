import numpy as np

from steadygan.diagnosis.non_finite import NonFinite
from steadygan.history import History


def test_it_names_the_series_and_the_step_it_broke_at(healthy, history):
    series = healthy()
    series["loss/generator"][40:] = np.nan
    series["logit/fake"][42:] = np.inf
    finding = NonFinite().check(history(series))
    assert "loss/generator and 1 more" in finding.reason
    assert "step 2,050" in finding.reason  # reading 41 of one each 50 steps
    assert {item.series for item in finding.evidence} == {"loss/generator", "logit/fake"}
    assert finding.step == 3000


def test_it_halves_the_learning_rates_of_the_config_not_the_decayed_ones(healthy, history):
    series = healthy()
    series["loss/generator"][-1] = np.nan
    advice = NonFinite().check(history(series)).advice
    assert "--set discriminator.optimizer.learning_rate=0.0001 --set generator.optimizer.learning_rate=0.00005" in advice


def test_a_run_that_recovered_is_not_accused(healthy, history):
    series = healthy()
    series["loss/generator"][20:23] = np.nan
    assert NonFinite().check(history(series)) is None


def test_a_broken_series_that_is_recorded_less_often_is_seen():
    records = [{"step": 1, "loss/generator": 1.0, "sigma/D.a": np.nan}, {"step": 2, "loss/generator": 1.0}]
    assert NonFinite().check(History(records)).reason.startswith("sigma/D.a stopped")


def test_numbers_that_may_be_undefined_in_health_do_not_count(healthy, history):
    series = healthy()
    for name in ("condition/D.conv1", "score/kid", "dispersion/logits", "diversity/pairwise_ratio"):
        series[name] = np.full(60, np.nan)
    assert NonFinite().check(history(series)) is None
