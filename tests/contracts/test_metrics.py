"""What every metric and every extractor in the tables must keep to."""

import math
import warnings

import pytest
import torch

from steadygan.errors import EvaluationError
from steadygan.evaluation import EXTRACTORS, METRICS, Extractor, Metric, Pixels, Samples

SETTINGS = {"modes": {"centers": ((0.0,) * 6, (1.0,) * 6), "std": 1.0}, "stacked_modes": {"steps": 40}}


def metric(name) -> Metric:
    return METRICS.build({"name": name, **SETTINGS.get(name, {})})


def shown(features) -> torch.Tensor:
    """Images of features: of each of the first three a channel, light where it is above 1/2."""
    return ((features[:, :3] > 0.5) * 255).to(torch.uint8)[:, :, None, None].repeat(1, 1, 8, 8)


LIGHT = torch.arange(200) % 2
KNOWN = Samples(shown(LIGHT[:, None].float()), LIGHT, {})  # grey images, dark and light


def made_of(features, labels, logits=None) -> Samples:
    taps = {"head": features, "tap": features, "logits": features if logits is None else logits}
    return Samples(shown(features), labels, taps, KNOWN)


def samples(n, seed) -> Samples:
    features = torch.randn(n, 6, generator=torch.Generator().manual_seed(seed))
    return made_of(features, torch.arange(n) % 3)


@pytest.mark.parametrize("name", list(METRICS))
def test_finite_named_numbers_with_a_title(name):
    scores = metric(name).compare(samples(200, 0), samples(200, 1))
    assert scores
    assert all(isinstance(value, float) and math.isfinite(value) for value in scores.values())
    assert metric(name).title(Pixels())
    assert isinstance(metric(name).higher_is_better, bool)


@pytest.mark.parametrize("name", list(METRICS))
def test_the_same_samples_give_the_same_scores_and_stay_as_they_are(name):
    real, fake = samples(200, 0), samples(150, 1)
    before = {tap: value.clone() for tap, value in fake.features.items()}
    assert metric(name).compare(real, fake) == metric(name).compare(real, fake)
    assert all(torch.equal(fake.features[tap], value) for tap, value in before.items())


@pytest.mark.parametrize("name", list(METRICS))
def test_as_many_samples_as_it_asks_for_are_enough_and_one_fewer_is_refused(name):
    least = metric(name).at_least
    assert all(math.isfinite(value) for value in metric(name).compare(samples(least, 0), samples(least, 1)).values())
    with pytest.raises(EvaluationError, match=f"{name}: needs at least {least} sample"):
        metric(name).compare(samples(least, 0), samples(least - 1, 1))


@pytest.mark.parametrize("name", list(METRICS))
def test_the_first_number_is_better_for_reals_than_for_noise(name):
    """Reals: two tight classes at the centers. Noise: everything on one spot far away."""
    labels = torch.arange(200) % 2
    features = labels[:, None] + 0.1 * torch.randn(200, 6)
    logits = 10 * torch.nn.functional.one_hot(labels, 6) + 0.1 * torch.randn(200, 6)
    real, other = (made_of(features[part], labels[part], logits[part]) for part in (slice(100), slice(100, 200)))
    spot = real.features["head"][:1] + 9 + 0.01 * torch.randn(100, 6) if name != "memorization" else real.features["head"]
    noise = made_of(spot, labels[:100], torch.zeros(100, 6))
    good, bad = (next(iter(metric(name).compare(real, fake).values())) for fake in (other, noise))
    assert good > bad if metric(name).higher_is_better else good < bad


@pytest.mark.parametrize("name", ["efficientnet-lite0", "pixels", "points", "torchscript"])
def test_an_extractor_gives_float32_features_of_every_example(name, tmp_path):
    extractor = made(name, tmp_path)
    examples = torch.randn(5, 2) if name == "points" else torch.randint(0, 256, (5, 1, 8, 8), dtype=torch.uint8)
    features = extractor.features(examples)
    assert {"head", "tap"} <= set(features)
    assert all(value.shape[0] == 5 and value.ndim == 2 and value.dtype == torch.float32 for value in features.values())
    assert extractor.title
    assert EXTRACTORS.build(extractor.spec()) == extractor


def made(name, folder) -> Extractor:
    if name != "torchscript":
        return EXTRACTORS.build(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch would have people use torch.export
        torch.jit.script(torch.nn.Flatten()).save(folder / "flat.pt")
    return EXTRACTORS.build({"name": name, "path": str(folder / "flat.pt")})
