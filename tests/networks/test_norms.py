"""Normalization of features, plain and class-conditional."""

import pytest
import torch
import torch.nn.functional as F

from steadygan.errors import ConfigError, NetworkError
from steadygan.networks.norms import ConditionalNorm, bias_before, checked_label, n_groups, plain_norm

torch.set_num_threads(1)


def features(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 3 + 2


# which dimensions of [B, G, C / G, H, W] each norm averages over, with G groups
OVER = {"batch": (0, 2, 3, 4), "layer": (2, 3, 4), "group": (2, 3, 4), "instance": (2, 3, 4)}


@pytest.mark.parametrize("kind", OVER)
def test_each_norm_leaves_mean_0_and_variance_1_over_its_own_dimensions(kind):
    """Variance is v / (v + 1e-5) with v about 9, so 1 to about 1e-6; means are float32 sums of 32 or more terms."""
    groups = {"batch": 48, "layer": 1, "group": n_groups(48), "instance": 48}[kind]
    normalized = plain_norm(kind, 48)(features(4, 48, 8, 8)).unflatten(1, (groups, 48 // groups))
    assert normalized.mean(OVER[kind]).abs().max() < 1e-5
    torch.testing.assert_close(normalized.var(OVER[kind], correction=0), torch.ones(()).expand_as(normalized.mean(OVER[kind])))


@pytest.mark.parametrize("kind", ["batch", "layer", "group"])
def test_points_are_normalized_too(kind):
    dimension = 0 if kind == "batch" else 1
    normalized = plain_norm(kind, 16, points=True)(features(32, 16))
    assert normalized.mean(dimension).abs().max() < 1e-5


def test_points_have_no_instance_norm():
    with pytest.raises(ConfigError, match="use norm batch or layer"):
        plain_norm("instance", 16, points=True)


@pytest.mark.parametrize("channels", range(1, 130))
def test_groups_divide_the_channels_and_are_never_narrow(channels):
    groups = n_groups(channels)
    assert channels % groups == 0
    assert groups == 1 or channels // groups >= 16


def test_a_bias_in_front_of_batch_and_instance_norm_changes_nothing():
    """Shifted by 5 per channel before: equal but for rounding of numbers of order 10."""
    shift = torch.linspace(-5, 5, 48)[:, None, None]
    for kind in ("none", "batch", "layer", "group", "instance"):
        norm = plain_norm(kind, 48)
        given = features(4, 48, 8, 8)
        same = torch.allclose(norm(given), norm(given + shift), atol=1e-4)
        assert same is not bias_before(kind)


@pytest.mark.parametrize("kind", ["none", "batch", "layer", "group", "instance"])
def test_each_class_has_its_own_scale_and_shift(kind):
    norm = ConditionalNorm(kind, 16, n_classes=3)
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        norm.scale.copy_(torch.randn(3, 16, generator=random))
        norm.shift.copy_(torch.randn(3, 16, generator=random))
    given, label = features(4, 16, 4, 4), torch.tensor([2, 0, 1, 2])
    plain = plain_norm(kind, 16)(given)
    expected = torch.stack(
        [plain[i] * norm.scale[k, :, None, None] + norm.shift[k, :, None, None] for i, k in enumerate(label)]
    )
    torch.testing.assert_close(norm(given, label), expected)


def test_conditional_batch_norm_starts_as_plain_batch_norm():
    given = features(4, 16, 4, 4)
    expected = F.batch_norm(given, None, None, training=True)
    torch.testing.assert_close(ConditionalNorm("batch", 16, n_classes=3)(given, torch.tensor([2, 0, 1, 2])), expected)


def test_without_classes_it_is_the_plain_norm_with_its_own_scale():
    norm = ConditionalNorm("batch", 16)
    assert sum(parameter.numel() for parameter in norm.parameters()) == 32
    assert torch.equal(norm(features(4, 16, 4, 4)), norm(features(4, 16, 4, 4), torch.zeros(4, dtype=torch.int64)))


def test_bfloat16_features_stay_bfloat16():
    norm = ConditionalNorm("none", 16, n_classes=3)
    assert norm(features(3, 16, 4, 4).bfloat16(), torch.arange(3)).dtype == torch.bfloat16


def test_checked_label_names_who_missed_it():
    with pytest.raises(NetworkError, match="generator: it is class-conditional and got no label; pass label"):
        checked_label(None, 4, "generator")
    with pytest.raises(NetworkError, match=r"generator: label must be \[B\] = \[4\], got \[3\]"):
        checked_label(torch.zeros(3), 4, "generator")
