"""Our scores against plain numpy and scipy, written as the papers write them."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist

from steadygan.evaluation.conditional import fit
from steadygan.evaluation.frechet import frechet_distance, moments
from steadygan.evaluation.kernel import mmd
from steadygan.evaluation.neighbours import CHUNK, prdc


def correlated(n, width, seed, shift=0.0):
    random = np.random.default_rng(seed)
    return random.normal(size=(n, width)) @ random.normal(size=(width, width)) / width**0.5 + shift


@pytest.mark.parametrize("width", [2, 30])
def test_frechet_distance_against_sqrtm(width):
    real, fake = correlated(200, width, 0), correlated(300, width, 1, 0.5)
    a, b = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
    expected = np.sum((real.mean(0) - fake.mean(0)) ** 2) + np.trace(a + b - 2 * sqrtm(a @ b).real)
    found = frechet_distance(*moments(torch.tensor(real)), *moments(torch.tensor(fake)))
    # covariances of full rank, condition about width^2 or worse: roots keep some 10 of 16 digits
    assert found == pytest.approx(expected, rel=1e-8)


def test_kernel_distance_against_the_sum_over_pairs():
    x, y = correlated(20, 5, 0), correlated(13, 5, 1, 0.5)

    def k(a, b):
        return (a @ b / 5 + 1) ** 3

    xx = np.mean([k(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j])
    yy = np.mean([k(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j])
    xy = np.mean([k(a, b) for a in x for b in y])
    assert mmd(torch.tensor(x), torch.tensor(y)).value == pytest.approx(xx + yy - 2 * xy, rel=1e-10)


@pytest.mark.parametrize(("n", "m", "k"), [(60, 50, 5), (50, 60, 3), (CHUNK + 76, 30, 1)])
def test_neighbours_against_brute_force(n, m, k):
    real, fake = correlated(n, 4, 0), correlated(m, 4, 1, 0.5)
    real_radius = np.sort(cdist(real, real), axis=1)[:, k]
    fake_radius = np.sort(cdist(fake, fake), axis=1)[:, k]
    across = cdist(real, fake)
    inside = across <= real_radius[:, None]
    expected = {
        "precision": inside.any(0).mean(),
        "recall": (across <= fake_radius).any(1).mean(),
        "density": inside.sum(0).mean() / k,
        "coverage": inside.any(1).mean(),
    }
    # shares of counts: equal, unless a sample is within 1e-13 of the edge of a ball
    assert prdc(torch.tensor(real), torch.tensor(fake), k) == pytest.approx(expected, rel=1e-6)


def test_the_classifier_against_numpy():
    x, y = correlated(40, 3, 0), correlated(25, 3, 1)
    labels = np.arange(40) % 3
    mean, scale = x.mean(0), x.std(0, ddof=1)
    support, query = (x - mean) / scale, (y - mean) / scale
    targets = np.eye(3)[labels]
    gram = np.exp(-(cdist(support, support) ** 2) / 6) + 40 * 1e-2 * np.eye(40)
    weight = np.linalg.solve(gram, targets - targets.mean(0))
    expected = (np.exp(-(cdist(query, support) ** 2) / 6) @ weight + targets.mean(0)).argmax(1)
    classifier = fit(torch.tensor(x), torch.tensor(labels), 1e-2)
    np.testing.assert_allclose(classifier.weight.numpy(), weight, rtol=1e-9, atol=1e-12)
    assert classifier.classes(torch.tensor(y)).tolist() == expected.tolist()
