"""Synthetic histories: a healthy run, and the same run with one thing going wrong."""

from collections.abc import Callable

import numpy as np
import pytest

from steadygan.history import History

Series = dict[str, np.ndarray]
READINGS, EVERY = 60, 50  # one reading each 50 steps up to step 3000


def healthy_series(seed: int = 0, readings: int = READINGS) -> Series:
    """What a conditional SN-GAN on small images records, noise included: [readings] each."""
    random = np.random.default_rng(seed)
    time = np.arange(readings) / READINGS

    def noisy(values: np.ndarray, scale: float) -> np.ndarray:
        return values + scale * random.standard_normal(readings)

    return {
        "loss/discriminator": noisy(1.3 + 0 * time, 0.1),
        "loss/generator": noisy(0.6 + 0.3 * time, 0.2),
        "logit/real": noisy(0.4 + 0.2 * time, 0.05),
        "logit/fake": noisy(-0.4 - 0.2 * time, 0.05),
        "gap/logits": noisy(0.8 + 0.4 * time, 0.08),
        "logit_std/real": noisy(0.6 + 0 * time, 0.03),
        "logit_std/fake": noisy(0.5 + 0 * time, 0.03),
        "accuracy/discriminator": np.clip(noisy(0.75 + 0.05 * time, 0.03), 0, 1),
        "grad_norm/discriminator": noisy(1.0 + 0.5 * time, 0.1),
        "grad_norm/generator": noisy(0.5 + 0.2 * time, 0.05),
        "diversity/pairwise_ratio": noisy(0.95 - 0.7 * np.exp(-12 * time), 0.02),
        "sigma/D.conv1": noisy(1.0 + 0 * time, 0.004),
        "sigma/D.dense": noisy(1.0 + 0 * time, 0.004),
        "learning_rate/discriminator": 2e-4 * (1 - 0.5 * time),
        "learning_rate/generator": 1e-4 * (1 - 0.5 * time),
    }


def as_history(series: Series) -> History:
    length = max(map(len, series.values()))
    return History({"step": EVERY * (i + 1), **{name: float(v[i]) for name, v in series.items()}} for i in range(length))


@pytest.fixture
def healthy() -> Callable[..., Series]:
    """`healthy(seed)` gives fresh series to spoil."""
    return healthy_series


@pytest.fixture
def history() -> Callable[[Series], History]:
    """`history(series)` makes records of them."""
    return as_history


def non_finite() -> Series:
    series = healthy_series()
    for name in ("loss/discriminator", "logit/fake", "grad_norm/generator"):
        series[name][-4:] = np.nan
    return series


def discriminator_wins() -> Series:
    series = healthy_series()
    series["accuracy/discriminator"][30:] = 0.997
    series["grad_norm/generator"][30:] *= np.geomspace(1, 1e-5, READINGS - 30)
    return series


def divergence() -> Series:
    series = healthy_series()
    growth = np.geomspace(1, 1e6, 20)
    for name in ("loss/discriminator", "gap/logits", "logit_std/fake", "grad_norm/discriminator"):
        series[name][-20:] *= growth
    return series


def collapse() -> Series:
    series = healthy_series()
    series["diversity/pairwise_ratio"][40:] = np.linspace(0.9, 0.3, READINGS - 40)
    return series


def strong_discriminator() -> Series:
    """Right on 99% of the images from early on while the samples stay diverse and the gradient alive: BigGAN's life."""
    series = healthy_series()
    series["accuracy/discriminator"][5:] = 0.99
    series["loss/discriminator"][5:] = 0.02
    return series


def noisy_losses() -> Series:
    series = healthy_series()
    random = np.random.default_rng(1)
    for name in ("loss/discriminator", "loss/generator", "gap/logits", "grad_norm/discriminator", "grad_norm/generator"):
        series[name] = series[name] * np.exp(1.2 * random.standard_normal(READINGS))
    return series


def uncontrolled_wasserstein() -> Series:
    """Sigma, gap and gradients grow for the whole run and the samples get better: seen under Adam without any control."""
    series = healthy_series()
    series["sigma/D.conv1"] = np.geomspace(1, 150, READINGS)
    series["sigma/D.dense"] = np.geomspace(5, 32, READINGS)
    series["gap/logits"] = np.geomspace(1.6, 15, READINGS)
    series["logit/fake"] = np.linspace(0, -900, READINGS)  # an offset that the loss does not see
    series["loss/generator"] = -series["logit/fake"]
    series["grad_norm/discriminator"] = np.geomspace(1, 60, READINGS)
    return series


def from_noise() -> Series:
    """The first samples are saturated noise, more diverse than any data; then it settles in health."""
    series = healthy_series()
    series["diversity/pairwise_ratio"][:4] = [1.7, 1.6, 1.5, 1.2]
    return series


FAILURES = {
    "NON-FINITE": non_finite,
    "DISCRIMINATOR-WINS": discriminator_wins,
    "DIVERGENCE": divergence,
    "MODE-COLLAPSE": collapse,
}
SCARY = (strong_discriminator, noisy_losses, uncontrolled_wasserstein, from_noise)


@pytest.fixture(params=FAILURES)
def failure(request: pytest.FixtureRequest) -> tuple[str, History]:
    """Each failure in turn: (the verdict it deserves, its history)."""
    return request.param, as_history(FAILURES[request.param]())


@pytest.fixture(params=SCARY, ids=lambda make: make.__name__)
def scary(request: pytest.FixtureRequest) -> History:
    """Each healthy run that looks frightening."""
    return as_history(request.param())
