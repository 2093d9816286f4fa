import math

import pytest
import torch

from steadygan.data.known_sources import FashionMnistTest
from steadygan.data.source import Dataset
from steadygan.data.stacked import stack
from steadygan.errors import EvaluationError
from steadygan.evaluation import Pixels, Reference, Samples, StackedModes, score
from steadygan.evaluation.convolutional import Known, trained

METRIC = StackedModes(steps=60)


def patterns(n, seed=0):
    """Grey 8x8 images of three easy classes with some noise: bars at the top, in the middle, at the bottom."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (n,), generator=random)
    images = torch.randint(0, 60, (n, 1, 8, 8), generator=random, dtype=torch.uint8)
    for label in range(3):
        images[labels == label, :, 3 * label : 3 * label + 2] += 180
    return Dataset("patterns", images, labels, ("top", "middle", "bottom"))


BASE = patterns(600)


def of_modes(modes) -> torch.Tensor:
    """One image of each listed mode, such as (0, 2, 1), from images that the classifier has not seen."""
    fresh = patterns(200, seed=1)
    first = [int((fresh.labels == label).nonzero()[0]) for label in range(3)]
    return stack(fresh.examples, torch.tensor([[first[label] for label in mode] for mode in modes]))


def compare(images, base=BASE, metric=METRIC):
    return metric.compare(Samples(images, None, {}, base), Samples(images, None, {}))


def test_a_case_counted_by_hand():
    """Shares 1/2, 1/4, 1/4 of 27 modes: KL = log 27 - H with H = 1.5 log 2."""
    scores = compare(of_modes([(0, 1, 2), (0, 1, 2), (2, 1, 0), (1, 1, 1)]))
    assert list(scores) == ["stacked_modes", "reverse_kl", "classifier_accuracy"]
    assert (scores["stacked_modes"], scores["classifier_accuracy"]) == (3, 1)
    assert scores["reverse_kl"] == pytest.approx(math.log(27) - 1.5 * math.log(2))


def test_all_modes_once_and_one_mode_only():
    everything = [(a, b, c) for a in range(3) for b in range(3) for c in range(3)]
    assert compare(of_modes(everything)) == {
        "stacked_modes": 27,
        "reverse_kl": pytest.approx(0, abs=1e-12),
        "classifier_accuracy": 1,
    }
    alone = compare(of_modes([(2, 0, 0)] * 5))
    assert (alone["stacked_modes"], alone["reverse_kl"]) == (1, pytest.approx(math.log(27)))


def test_channels_are_counted_as_many_as_there_are():
    both = compare(of_modes([(0, 1, 2), (2, 1, 0)])[:, :2])
    assert (both["stacked_modes"], both["reverse_kl"]) == (2, pytest.approx(math.log(9 / 2)))


def test_accuracy_is_that_on_images_left_out():
    """Classes of pure noise can be learnt by heart, all of them in 300 steps; of twelve left out a third is right by chance."""
    random = torch.Generator().manual_seed(5)
    images = torch.randint(256, (120, 1, 8, 8), generator=random, dtype=torch.uint8)
    noise = Known.of(Dataset("noise", images, torch.randint(3, (120,), generator=random)))
    found = trained(noise, 300)
    assert (found.network.classes(images) == noise.labels).double().mean() > 0.8  # 0.93 if all of the others are right
    assert found.accuracy < 0.75


def test_the_classifier_is_the_same_each_time_and_nobody_notices_its_training():
    images = of_modes([(0, 1, 2)])
    before = torch.get_rng_state()
    networks = []
    for mode in (torch.enable_grad, torch.no_grad, torch.inference_mode):
        trained.cache_clear()
        with mode():
            compare(images)
        networks.append(trained(Known.of(BASE), 60).network.state_dict())
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(value, other[name]) for other in networks[1:] for name, value in networks[0].items())
    assert not any(parameter.requires_grad for parameter in trained(Known.of(BASE), 60).network.parameters())


def test_it_is_trained_once_for_the_same_images_and_again_for_others():
    trained.cache_clear()
    copy = Dataset("a copy", BASE.examples.clone(), BASE.labels.clone())
    for base in (BASE, copy, patterns(600)):
        compare(of_modes([(0, 1, 2)]), base)
    assert trained.cache_info().misses == 1
    other = BASE.labels.clone()
    other[0] = (other[0] + 1) % 3
    compare(of_modes([(0, 1, 2)]), Dataset("others", BASE.examples, other))
    assert trained.cache_info().misses == 2


def test_scored_with_a_floor():
    real = Dataset("stacked", stack(BASE.examples, torch.randint(600, (400, 3))), stacked_from=BASE)
    reference = Reference(real.examples, extractor=Pixels(size=2), metrics=[METRIC], stacked_from=BASE)
    scores = reference.score(of_modes([(0, 0, 0)] * 200))
    assert (scores.main, scores.values["stacked_modes"], scores.n_floor) == ("stacked_modes", 1, 200)
    assert scores.floor["stacked_modes"] > 20  # 27 modes are missed with probability 27 * exp(-200 / 27) = 0.02 in all
    assert scores.lines()[0].startswith("stacked modes 1, reverse kl 3.3, classifier accuracy 1 (")


@pytest.mark.parametrize(
    ("base", "images", "told"),
    [
        (None, torch.zeros(4, 3, 8, 8, dtype=torch.uint8), "the reals do not say which labelled images they are stacked from"),
        (Dataset("x", BASE.examples), torch.zeros(4, 3, 8, 8, dtype=torch.uint8), "the reals do not say which labelled"),
        (patterns(99), torch.zeros(4, 3, 8, 8, dtype=torch.uint8), "needs at least 100 labelled images .* got 99"),
        (BASE, torch.zeros(4, 3, 9, 9, dtype=torch.uint8), r"fakes are \[9, 9\], what the reals are stacked from is \[8, 8\]"),
        (BASE, torch.zeros(4, 2), "images must be uint8"),
    ],
)
def test_what_cannot_be_scored_is_told(base, images, told):
    with pytest.raises(EvaluationError, match=told):
        compare(images, base)


def test_score_of_two_sets_cannot_know_what_is_stacked():
    images = of_modes([(0, 1, 2)] * 4)
    with pytest.raises(EvaluationError, match="or give stacked_from="):
        score(Dataset("r", images), Dataset("f", images), extractor=Pixels(), metrics=[METRIC])


def test_clothes_are_told_apart():
    """0.88 of 1,000 left out in 2,000 steps; here a tenth of the steps, which knows most of them."""
    assert trained(Known.of(FashionMnistTest().open()), 200).accuracy > 0.75
