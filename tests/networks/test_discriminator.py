"""How images, features and label become one logit."""

import torch
from torch import nn

from steadygan.networks.discriminator import Discriminator, Head, LabelPlanes

torch.set_num_threads(1)


def features() -> torch.Tensor:
    return torch.randn(4, 6, 3, 3, generator=torch.Generator().manual_seed(0))


LABEL = torch.tensor([0, 2, 1, 2])


def test_the_projected_logit_is_linear_plus_inner_product_of_sums():
    head = Head(6, 1, n_projected=3, projection_scale=0.5, bias=True)
    sums = features().sum((2, 3))
    expected = sums @ head.linear.weight[0] + head.linear.bias + 0.5 * (head.embedding.weight[LABEL] * sums).sum(1)
    torch.testing.assert_close(head(features(), LABEL), expected)


def test_a_flat_head_projects_every_position_of_its_own():
    head = Head(6, 9, n_projected=3, projection_scale=2.0, bias=True)
    weight, table = (matrix.unflatten(1, (3, 3, 6)).movedim(3, 1) for matrix in (head.linear.weight, head.embedding.weight))
    expected = ((weight + 2 * table[LABEL]) * features()).sum((1, 2, 3)) + head.linear.bias
    torch.testing.assert_close(head(features(), LABEL), expected)


def test_a_flat_head_tells_positions_apart_and_a_sum_head_does_not():
    turned = features().flip(2)
    by_position, by_sum = Head(6, 9, 0, 1.0, True), Head(6, 1, 0, 1.0, True)
    assert by_position.linear.in_features == 54
    assert (by_position(features()) - by_position(turned)).abs().min() > 1e-3
    torch.testing.assert_close(by_sum(features()), by_sum(turned))  # the same terms in another order


def test_a_head_has_no_embedding_without_projection():
    head = Head(6, 1, 0, 1.0, bias=False)
    assert [name for name, _ in head.named_parameters()] == ["linear.weight"]


def test_label_planes_are_constant_and_stand_behind_the_image():
    planes = LabelPlanes(3, 2)
    joined = planes(features(), LABEL)
    assert joined.shape == (4, 8, 3, 3)
    assert torch.equal(joined[:, :6], features())
    assert torch.equal(joined[:, 6:], planes.embedding.weight[LABEL][:, :, None, None].expand(-1, -1, 3, 3))


def test_label_planes_of_points_are_extra_coordinates():
    planes = LabelPlanes(3, 2)
    joined = planes(torch.zeros(4, 5), LABEL)
    assert torch.equal(joined[:, 5:], planes.embedding.weight[LABEL])


def test_logits_are_taken_in_float32_from_bfloat16_features():
    """64 positions of bfloat16 ones: a sum in bfloat16 steps would stick at 256 of 1024, float32 has it exactly."""
    head = Head(1, 1, 0, 1.0, bias=False)
    nn.init.ones_(head.linear.weight)
    discriminator = Discriminator(nn.Identity(), head)
    with torch.autocast("cpu", torch.bfloat16):
        logits = discriminator(torch.ones(1, 1, 33, 33, dtype=torch.bfloat16))
    assert logits.item() == 1089  # not representable in bfloat16
