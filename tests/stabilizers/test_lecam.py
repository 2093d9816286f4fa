import copy

import pytest
import torch

from steadygan.errors import NetworkError
from steadygan.game import Networks
from steadygan.stabilizers import LeCam
from steadygan.stabilizers.lecam import BUFFER, moved_anchors, squared_distances


@pytest.fixture
def prepared(plane):
    LeCam().prepare(Networks(torch.nn.Identity(), plane))
    return plane


def logits(*sides):
    return tuple(torch.tensor(side) for side in sides)


def test_two_batches_by_hand(prepared, make_batch):
    """First anchors are the first means, 3 and 0; then (3 / 2 + 1) / (1 / 2 + 1) = 5/3 and (0 + 1) / (3/2) = 2/3."""
    lecam = LeCam(weight=0.3, decay=0.5)
    first = lecam.penalty(prepared, make_batch(logits=logits([2.0, 4.0], [-1.0, 1.0])))
    assert first.item() == pytest.approx(0.3 * ((2**2 + 4**2) / 2 + (4**2 + 2**2) / 2), rel=1e-6)
    second = lecam.penalty(prepared, make_batch(logits=logits([1.0, 1.0], [0.0, 2.0])))
    # float32, four operations: rounding stays far below 1e-5
    assert second.item() == pytest.approx(0.3 * ((1 / 3) ** 2 + ((5 / 3) ** 2 + 0) / 2), rel=1e-5)


@pytest.mark.parametrize("image", [False, True])
@pytest.mark.parametrize("label", [None, torch.ones(6, dtype=torch.int64)])
def test_logits_are_judged_where_the_step_gives_none(prepared, make_batch, image, label):
    batch = make_batch(image, label=label, fake_label=label)
    real, fake = (prepared(images, label).detach() for images in (batch.real, batch.fake))
    expected = squared_distances(real, fake, torch.stack([real.mean(), fake.mean()]))
    assert LeCam(weight=2).penalty(prepared, batch).item() == pytest.approx(2 * expected.item(), rel=1e-6)


def test_the_average_is_that_of_all_batches_with_fading_weights():
    random, decay, n = torch.Generator().manual_seed(0), 0.9, 30
    seen = torch.randn(n, 2, 5, generator=random)
    sums = torch.zeros(3)
    for real, fake in seen:
        anchors = moved_anchors(sums, real, fake, decay)
    fading = decay ** torch.arange(n - 1, -1, -1, dtype=torch.float64)
    expected = (fading[:, None] * seen.double().mean(2)).sum(0) / fading.sum()
    assert torch.allclose(anchors.double(), expected, atol=1e-5)  # 30 float32 additions of numbers of size 1


def test_nobody_pays_on_the_right_side_of_the_other_anchor():
    assert squared_distances(*logits([-2.0], [3.0]), torch.tensor([1.0, 0.0])) == 0


def test_the_gradient_is_that_of_still_anchors(prepared, make_batch):
    batch = make_batch()
    LeCam(weight=1).penalty(prepared, batch).backward()
    twin = copy.deepcopy(prepared)
    twin.a.grad = None
    real, fake = twin(batch.real, None), twin(batch.fake, None)
    squared_distances(real, fake, torch.stack([real.mean(), fake.mean()]).detach()).backward()
    assert torch.equal(prepared.a.grad, twin.a.grad)
    assert not prepared.lecam_sums.requires_grad


def test_its_state_is_in_the_state_dict_to_the_bit(prepared, make_batch):
    LeCam().penalty(prepared, make_batch())
    assert prepared.state_dict()[BUFFER].dtype == torch.float32
    twin = copy.deepcopy(prepared)
    twin.lecam_sums.zero_()
    twin.load_state_dict(prepared.state_dict())
    assert torch.equal(LeCam().penalty(twin, make_batch(step=1)), LeCam().penalty(prepared, make_batch(step=1)))


def test_weight_zero_is_off(prepared, make_batch):
    assert LeCam(weight=0).penalty(prepared, make_batch()) is None
    assert torch.equal(prepared.lecam_sums, torch.zeros(3))


def test_says_that_prepare_is_missing(plane, make_batch):
    with pytest.raises(NetworkError, match="prepare"):
        LeCam().penalty(plane, make_batch())
