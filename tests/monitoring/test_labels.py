"""The agreement of classes on points in three clusters, one class each, and on what cannot be judged."""

import pytest
import torch

from steadygan.monitoring import Labels

CENTRES = torch.tensor([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]])


def clusters(n, seed, spread=0.3):
    random = torch.Generator().manual_seed(seed)
    label = torch.randint(3, (n,), generator=random)
    return CENTRES[label] + spread * torch.randn(n, 2, generator=random), label


@pytest.fixture
def read(make_batch):
    def measure(live, live_label, reference=None, reference_label=None):
        if reference is None:
            reference, reference_label = clusters(300, 0)
        known = {"reference": reference, "reference_label": reference_label}
        return Labels().measure(None, make_batch(live, live, live=live, live_label=live_label, **known))

    return measure


def test_right_classes_agree(read):
    readings = read(*clusters(64, 1))
    assert readings == {"labels/agreement": 1.0, "labels/agreement_floor": 1.0}


def test_shuffled_classes_agree_by_chance(read):
    live, label = clusters(640, 1)
    shuffled = label[torch.randperm(len(label), generator=torch.Generator().manual_seed(2))]
    assert read(live, shuffled)["labels/agreement"] == pytest.approx(1 / 3, abs=0.08)  # four deviations of 640 draws


def test_classes_that_overlap_have_a_lower_floor_that_right_ones_keep(read):
    """By construction 95 of 100 draws stay above; of 40 more than 32 do in all but one of a thousand tries."""
    reference, reference_label = clusters(2000, 0, spread=3.0)
    readings = [read(*clusters(64, seed, spread=3.0), reference, reference_label) for seed in range(1, 41)]
    floor = readings[0]["labels/agreement_floor"]
    assert 0.3 < floor < 0.6
    assert sum(reading["labels/agreement"] >= floor for reading in readings) > 32


def test_a_game_without_classes_has_no_readings(read):
    assert read(clusters(64, 1)[0], None) == {}


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_examples_that_are_not_finite_have_no_readings(read, value):
    live, label = clusters(64, 1)
    live[3] = value
    assert read(live, label) == {}


def test_too_few_have_no_readings(read):
    assert read(*clusters(7, 1)) == {}
    assert read(*clusters(64, 1), *clusters(7, 0)) == {}
