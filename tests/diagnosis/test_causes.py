import numpy as np
import pytest

from steadygan.diagnosis.causes import OF_COLLAPSE, OF_OSCILLATION, memory, ranked
from steadygan.diagnosis.course import Course
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
    assert "-3.91" in first.reason  # log(0.02)


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


def test_nothing_is_guessed_from_nothing():
    assert ranked(course(loss__generator=1.0), OF_OSCILLATION) == ()
    assert ranked(course(update_norm__generator=np.nan), OF_COLLAPSE) == ()
