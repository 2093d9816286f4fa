import numpy as np
import pytest

from steadygan.monitoring.wobble import gap_readings, swing


@pytest.mark.parametrize(("batch", "scale"), [(8, 0.1), (64, 30.0)])
def test_a_game_at_rest_wobbles_by_one(batch, scale):
    """Mean of 400 windows of 50 steps: chi(48) / sqrt(48) has mean 0.995, and the mean of 400 a spread of 0.005."""
    random = np.random.default_rng(0)
    wobbles = []
    for _ in range(400):
        real, fake = (random.normal(level, scale, (50, batch)) for level in (1.0, -1.0))
        chance = (real.var(1, ddof=1) / batch + fake.var(1, ddof=1) / batch).mean()
        wobbles.append(gap_readings(real.mean(1) - fake.mean(1), chance)["wobble/logits"])
    assert np.mean(wobbles) == pytest.approx(1, abs=0.03)


def test_a_slope_is_no_swing_and_a_wave_is():
    time = np.arange(50.0)
    assert swing(3 * time) == pytest.approx(0, abs=1e-9)
    assert swing(np.sin(time)) == pytest.approx(0.5**0.5, rel=0.05)


@pytest.mark.parametrize(
    ("gap", "chance"), [([1.0] * 7, 1.0), ([1.0] * 50, 0.0), ([1.0] * 49 + [float("nan")], 1.0), ([0.0] * 9, float("nan"))]
)
def test_no_reading_where_there_is_nothing_to_go_by(gap, chance):
    assert gap_readings(np.array(gap), chance) == {}
