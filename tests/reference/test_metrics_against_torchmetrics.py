"""Our scores against those of torchmetrics, which takes features as images when its network is the identity."""

import warnings

import pytest
import torch
from torch import nn

from steadygan.evaluation import FrechetDistance, InceptionStyleScore, KernelDistance, Samples

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    fid = pytest.importorskip("torchmetrics.image.fid", exc_type=ImportError)
    kid = pytest.importorskip("torchmetrics.image.kid", exc_type=ImportError)
    inception = pytest.importorskip("torchmetrics.image.inception", exc_type=ImportError)

pytestmark = pytest.mark.filterwarnings("ignore:Metric `.*` will save all extracted features:UserWarning")


class Identity(nn.Module):
    def __init__(self, num_features):
        super().__init__()
        self.num_features = num_features

    def forward(self, features):
        return features


def correlated(n, width, seed, shift=0.0):
    random = torch.Generator().manual_seed(seed)
    mixing = torch.randn(width, width, generator=random) / width**0.5
    return torch.randn(n, width, generator=random) @ mixing + shift


def samples(features):
    return Samples(features, None, {"head": features, "tap": features, "logits": features})


def theirs(metric, real, fake):
    metric.update(real, real=True)
    metric.update(fake, real=False)
    return metric.compute()


@pytest.mark.parametrize("width", [4, 64])
def test_frechet_distance(width):
    real, fake = correlated(500, width, 0), correlated(400, width, 1, shift=0.3)
    # both in float64, but theirs returns float32 and takes roots of eigenvalues of a matrix that is not symmetric
    expected = float(theirs(fid.FrechetInceptionDistance(feature=Identity(width)), real, fake))
    assert FrechetDistance().compare(samples(real), samples(fake))["frechet"] == pytest.approx(expected, rel=1e-5)


def test_kernel_distance():
    """One subset of all samples is the estimator over all pairs, so the two must agree to float32."""
    real, fake = correlated(300, 32, 0), correlated(300, 32, 1, shift=0.3)
    metric = kid.KernelInceptionDistance(feature=Identity(32), subsets=1, subset_size=300)
    expected, _ = theirs(metric, real, fake)
    # theirs adds 90,000 float32 kernel values of about 10 in float32: some 1e-6 of 10, on a distance near 1
    assert KernelDistance().compare(samples(real), samples(fake))["kid"] == pytest.approx(float(expected), rel=1e-4)


def test_the_mean_over_subsets_has_the_same_mean():
    """The paper's protocol, 100 random subsets of 100: within 4 standard errors of their mean."""
    real, fake = correlated(400, 16, 0), correlated(400, 16, 1, shift=0.3)
    metric = kid.KernelInceptionDistance(feature=Identity(16), subsets=100, subset_size=100)
    mean, spread = theirs(metric, real, fake)
    ours = KernelDistance().compare(samples(real), samples(fake))["kid"]
    assert abs(ours - float(mean)) < 4 * float(spread) / 10


def test_inception_style_score():
    logits = 3 * torch.randn(500, 20)
    metric = inception.InceptionScore(feature=Identity(20), splits=1)
    metric.update(logits)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the spread of its single split is undefined, says torch
        expected, _ = metric.compute()
    found = InceptionStyleScore(splits=1).compare(samples(logits), samples(logits))["inception_style"]
    assert found == pytest.approx(float(expected), rel=1e-5)  # theirs is in float32
