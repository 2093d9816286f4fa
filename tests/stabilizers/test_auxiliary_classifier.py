import math

import pytest
import torch
from torch import nn

from steadygan.errors import ConfigError, NetworkError
from steadygan.game import Networks
from steadygan.stabilizers import AuxiliaryClassifier

LABELS = {"label": torch.tensor([0, 1, 2, 0, 1, 2]), "fake_label": torch.tensor([2, 2, 2, 2, 2, 2])}


class Namer(nn.Module):
    """Class scores are three copies of one linear function of the image, shifted: blind while the shift is 0."""

    def __init__(self):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(3))
        self.weight = nn.Parameter(torch.ones(2, 3))

    def classify(self, images):
        return images.flatten(1) @ self.weight + self.shift


def test_a_blind_classifier_pays_log_k_for_each_side(make_batch):
    batch = make_batch(**LABELS)
    # log 3 in float32, from exponentials of equal scores: a few units in the last place
    assert AuxiliaryClassifier().penalty(Namer(), batch).item() == pytest.approx(2 * math.log(3), rel=1e-6)
    assert AuxiliaryClassifier(on_fake=False, weight=2).penalty(Namer(), batch).item() == pytest.approx(
        2 * math.log(3), rel=1e-6
    )


def test_a_sure_and_right_classifier_pays_nothing(make_batch):
    namer, batch = Namer(), make_batch(**LABELS)
    with torch.no_grad():
        namer.shift.copy_(torch.tensor([0.0, 0.0, 50.0]))
    networks = Networks(nn.Identity(), namer)
    assert AuxiliaryClassifier().generator_penalty(networks, batch).item() < 1e-6  # 2 exp(-50) is below float32's rounding of 0
    for on_fake in (False, True):  # 4 of 6 reals wrong, no fake
        assert AuxiliaryClassifier(on_fake=on_fake).penalty(namer, batch).item() == pytest.approx(50 * 4 / 6, rel=1e-6)


def test_fakes_get_a_gradient_in_the_generators_term_only(make_batch):
    fake = torch.randn(6, 2, requires_grad=True)
    batch, namer = make_batch(fake=fake, **LABELS), Namer()
    with torch.no_grad():
        namer.weight.copy_(torch.randn(2, 3))
    AuxiliaryClassifier().penalty(namer, batch).backward()
    assert fake.grad is None
    networks = Networks(nn.Identity(), namer)
    term = AuxiliaryClassifier(weight=7, generator_weight=2).generator_penalty(networks, batch)
    assert torch.equal(term, 2 * AuxiliaryClassifier().generator_penalty(networks, batch))
    term.backward()
    assert fake.grad.abs().min() > 0


def test_a_discriminator_that_cannot_classify_is_refused_before_training():
    with pytest.raises(NetworkError, match=r"classify.*Linear has none"):
        AuxiliaryClassifier().prepare(Networks(nn.Identity(), nn.Linear(2, 1)))
    AuxiliaryClassifier().prepare(Networks(nn.Identity(), Namer()))


def test_data_without_labels_is_refused(make_batch):
    with pytest.raises(ConfigError, match="no labels"):
        AuxiliaryClassifier().penalty(Namer(), make_batch())
