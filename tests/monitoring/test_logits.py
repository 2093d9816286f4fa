import math

import pytest
import torch
from scipy.stats import mannwhitneyu
from torch import nn

from steadygan.game import Networks
from steadygan.monitoring import Logits
from steadygan.monitoring.logits import area_under_curve

REAL, FAKE = torch.tensor([[3.0], [1.0], [-1.0], [1.0]]), torch.tensor([[0.0], [-2.0], [2.0], [-4.0]])


class Raw(nn.Module):
    """The logit is the point itself, plus ten times the label."""

    def forward(self, images, label):
        return images.flatten() if label is None else images.flatten() + 10 * label


NETWORKS = Networks(nn.Identity(), Raw())


def test_readings_of_eight_logits_by_hand(make_batch):
    readings = Logits().measure(NETWORKS, make_batch(REAL, FAKE))
    assert readings == {
        "logit/real": 1.0,
        "logit/fake": -1.0,
        "gap/logits": 2.0,
        "accuracy/real": 3 / 4,
        "accuracy/fake": 3 / 4,  # a fake at the threshold itself counts as fake
        "accuracy/discriminator": (3 + 3) / 8,
        "auc/discriminator": (4 + 3 + 2 + 3) / 16,  # per real logit, the number of fakes below it
        "logit_std/real": pytest.approx(math.sqrt(2)),
        "logit_std/fake": pytest.approx(math.sqrt(5)),
        "dispersion/logits": pytest.approx(math.sqrt(2.5)),
    }


def test_threshold_and_sides_of_different_size(make_batch):
    readings = Logits(threshold=1.5).measure(NETWORKS, make_batch(REAL, FAKE[:1]))
    assert (readings["accuracy/real"], readings["accuracy/fake"]) == (1 / 4, 1)
    assert readings["accuracy/discriminator"] == (1 / 4 + 1) / 2


@pytest.mark.parametrize("decimals", [0, 6])  # 0: many ties
def test_auc_is_the_mann_whitney_statistic(decimals):
    real, fake = ((3 * torch.randn(n, dtype=torch.float64)).round(decimals=decimals) for n in (40, 60))
    expected = mannwhitneyu(real, fake).statistic / (40 * 60)
    assert area_under_curve(real, fake) == pytest.approx(expected, abs=1e-12)  # 2400 signs, summed exactly


def test_heldout_images_are_judged_with_their_own_classes(make_batch):
    heldout, label = torch.full((7, 1), 4.0), torch.zeros(4, dtype=torch.int64)
    assert Logits().measure(NETWORKS, make_batch(REAL, FAKE, heldout=heldout))["logit/held_out"] == 4
    classes = {"label": label, "fake_label": label + 1}
    readings = Logits().measure(
        NETWORKS, make_batch(REAL, FAKE, heldout=heldout, heldout_label=label[:1].expand(7) + 2, **classes)
    )
    assert (readings["logit/real"], readings["logit/fake"], readings["logit/held_out"]) == (1, 9, 24)
    assert "logit/held_out" not in Logits().measure(NETWORKS, make_batch(REAL, FAKE, heldout=heldout, **classes))


def test_what_cannot_be_told_is_left_out(make_batch):
    constant = Logits().measure(NETWORKS, make_batch(torch.ones(4, 1), FAKE))
    assert "dispersion/logits" not in constant
    assert constant["logit_std/real"] == 0
    broken = Logits().measure(NETWORKS, make_batch(REAL, torch.full((4, 1), math.inf)))
    assert broken == {"logit/real": 1.0, "logit/fake": math.inf}
