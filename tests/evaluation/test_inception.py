import sys
from types import ModuleType

import pytest
import torch

from steadygan.errors import EvaluationError
from steadygan.evaluation import FrechetDistance, InceptionStyleScore, InceptionV3, KernelDistance, Pixels


class Stand(torch.nn.Module):
    """Stands in for the network of torch-fidelity: same constructor, uint8 RGB in, a tuple out."""

    def __init__(self, name, features_list, feature_extractor_weights_path=None):
        super().__init__()
        assert features_list == ["2048", "logits_unbiased"]
        if feature_extractor_weights_path == "missing.pth":
            raise FileNotFoundError("missing.pth")

    def forward(self, images):
        assert images.dtype == torch.uint8
        assert images.shape[1] == 3
        means = images.double().mean((1, 2, 3))[:, None]
        return means.expand(-1, 2048), means.expand(-1, 1008)


@pytest.fixture
def torch_fidelity(monkeypatch):
    package, module = ModuleType("torch_fidelity"), ModuleType("torch_fidelity.feature_extractor_inceptionv3")
    module.FeatureExtractorInceptionV3 = Stand
    monkeypatch.setitem(sys.modules, package.__name__, package)
    monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.fixture
def images():
    return torch.randint(0, 256, (5, 1, 6, 6), dtype=torch.uint8)


def test_without_the_extra_the_error_says_what_to_install(monkeypatch, images):
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)  # as if it were not installed
    with pytest.raises(EvaluationError, match=r"pip install steadygan\[fidelity\]"):
        InceptionV3().features(images)


def test_images_reach_it_as_rgb_bytes(torch_fidelity, images):
    features = InceptionV3(batch_size=2).features(images)
    assert {tap: tuple(value.shape) for tap, value in features.items()} == {
        "head": (5, 2048),
        "tap": (5, 2048),
        "logits": (5, 1008),
    }
    torch.testing.assert_close(features["head"][:, 0], images.float().mean((1, 2, 3)))


def test_weights_that_cannot_be_had(torch_fidelity, images):
    with pytest.raises(EvaluationError, match="weights cannot be had"):
        InceptionV3(weights="missing.pth").features(images)


def test_only_inception_gives_fid_and_the_inception_score():
    assert FrechetDistance().title(InceptionV3()) == "FID"
    assert FrechetDistance().title(Pixels()) == "FD"
    assert FrechetDistance(tap="logits").title(InceptionV3()) == "FD"
    assert InceptionStyleScore().title(InceptionV3()) == "Inception score"
    assert InceptionStyleScore().title(Pixels()) == "Inception-style score"
    assert KernelDistance().title(Pixels()) == "KID"
