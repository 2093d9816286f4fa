import numpy as np
import pytest

from steadygan.diagnosis.causes import OF_COLLAPSE, OF_OSCILLATION, ranked
from steadygan.diagnosis.course import Course
from steadygan.diagnosis.signs import memory
from steadygan.history import History


def course(**series: float) -> Course:
    names = {name.replace("__", "/"): value for name, value in series.items()}
    return Course(History({"step": 50 * (i + 1), **names} for i in range(8)))


STEPS = {"weight_norm__generator": 1.0, "weight_norm__discriminator": 1.0}


def test_a_fast_generator_is_named_first_and_slowed_down_tenfold():
    found = course(**STEPS, update_norm__generator=0.02, update_norm__discriminator=0.002, learning_rate__generator=1e-3)
    first = ranked(found, OF_OSCILLATION)[0]
    assert first.name == "the generator is too fast"
    assert first.settings == ("generator.optimizer.learning_rate=0.0001",)
    assert first.reason == "a step changes 0.02 of its weights, its steps are 10 times the discriminator's"


def test_momentum_is_recovered_from_cosine_and_coherence():
    """coherence = (cosine - b) / (1 - b) with b = 0.9 and cosine 0.99 is 0.9."""
    found = course(update_cosine__discriminator=0.99, update_coherence__discriminator=0.9)
    assert memory(found) == pytest.approx(0.9)
    assert ranked(found, OF_OSCILLATION)[0].settings[0] == "discriminator.optimizer.beta1=0.0"


def test_a_bounded_discriminator_that_is_blind_is_starved():
    blind = {"gap__mean": 0.02, "logit_std__real": 1.0, "auc__discriminator": 0.51}
    starved = course(**blind, sigma_error__max=0.0)
    assert ranked(starved, OF_OSCILLATION)[0].name.startswith("normalization or penalty starves")
    free = course(**blind, sigma__D=3.0)
    assert ranked(free, OF_OSCILLATION)[0].name == "nothing regularizes the discriminator"


def test_a_strong_discriminator_behind_a_collapse():
    found = course(accuracy__discriminator=0.93, auc__discriminator=0.98, gap__mean=2.4, logit_std__real=1.0)
    assert ranked(found, OF_COLLAPSE)[0].name == "the discriminator is too strong"


def changing(**series: list[float]) -> Course:
    names = {name.replace("__", "/"): values for name, values in series.items()}
    rows = zip(*names.values(), strict=True)
    return Course(History({"step": 50 * (i + 1), **dict(zip(names, row, strict=True))} for i, row in enumerate(rows)))


def test_a_learning_rate_that_has_risen_is_brought_back_to_what_it_was():
    rates = {"learning_rate__discriminator": [1e-3] * 8, "learning_rate__generator": [1e-3] * 7 + [2e-2]}
    first = ranked(changing(**rates), OF_COLLAPSE)[0]
    assert (first.name, first.settings) == ("a learning rate has risen", ("generator.optimizer.learning_rate=0.001",))
    assert "20" in first.reason


@pytest.mark.parametrize("rates", [np.linspace(1e-4, 1e-3, 8), np.linspace(1e-3, 1e-5, 8), np.full(8, 1e-3)])
def test_a_schedule_is_no_rise(rates):
    """The newest of a straight line from about 0 is twice its median, and a rise is three times."""
    assert ranked(changing(learning_rate__generator=list(rates)), OF_OSCILLATION) == ()


def test_weights_that_have_jumped_are_answered_by_a_return():
    first = ranked(changing(sigma__G=[1.0, 1.1, 1.0, 1.1, 1.0, 1.1, 1.0, 30.0]), OF_COLLAPSE)[0]
    assert (first.name, first.settings) == ("weights have jumped", ())


@pytest.mark.parametrize(
    ("penalty", "ended"),
    [([0.1] * 8, False), ([0.1] * 7 + [np.nan], True), ([0.1, np.nan] * 4, False), ([0.1, np.nan, 0.1] + [np.nan] * 5, True)],
)
def test_a_penalty_that_is_no_longer_read_regularizes_no_more(penalty, ended):
    found = ranked(changing(penalty__r1=penalty, sigma__D=[3.0] * 8), OF_OSCILLATION)
    assert [cause.name for cause in found] == ["nothing regularizes the discriminator"] * ended


def test_two_fast_players_are_told_from_one():
    rates = {"learning_rate__generator": 1e-3, "learning_rate__discriminator": 1e-3}
    both = course(**STEPS, **rates, update_norm__generator=0.02, update_norm__discriminator=0.02)
    first = ranked(both, OF_OSCILLATION)[0]
    assert first.name == "both players are too fast"
    one = course(**STEPS, **rates, update_norm__generator=0.02, update_norm__discriminator=0.003)
    assert ranked(one, OF_OSCILLATION)[0].name == "the generator is too fast"


def test_small_batches_are_seen_by_what_is_dealt_a_step():
    def dealt(batch: int) -> Course:
        return changing(images_seen=[50.0 * batch * (i + 1) for i in range(8)])

    assert [cause.name for cause in ranked(dealt(4), OF_OSCILLATION)] == ["the batches are too small"]
    assert ranked(dealt(16), OF_OSCILLATION) == ()


def test_a_slow_generator_comes_before_the_discriminator_that_looks_strong_for_it():
    strong = {"accuracy__discriminator": 0.97, "auc__discriminator": 1.0, "gap__mean": 10.0, "logit_std__real": 1.0}
    found = course(**STEPS, **strong, update_norm__generator=0.0006, update_norm__discriminator=0.0025)
    assert [cause.name for cause in ranked(found, OF_COLLAPSE)][:2] == [
        "the generator is too slow",
        "the discriminator is too strong",
    ]


def test_a_starved_discriminator_gets_a_slope_of_three_times_what_it_has():
    blind = {"gap__mean": 0.02, "logit_std__real": 1.0, "auc__discriminator": 0.51, "learning_rate__generator": 1e-3}
    normalized = ranked(course(**blind, sigma_error__D=0.0, sigma__D=2.0), OF_OSCILLATION)[0]
    assert normalized.settings == ("stabilizers.spectral_norm.coefficient=6",)
    penalized = ranked(course(**blind, penalty__wgan_gp=0.1), OF_OSCILLATION)[0]
    assert penalized.settings == ("stabilizers.wgan_gp.weight=1",)


def test_nothing_is_guessed_from_nothing():
    assert ranked(course(loss__generator=1.0), OF_OSCILLATION) == ()
    assert ranked(course(update_norm__generator=np.nan), OF_COLLAPSE) == ()
