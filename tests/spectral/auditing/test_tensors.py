"""What can be told of weights without their network: every format reads as the network itself does."""

import pytest
import torch
from torch import nn
from torch.nn.utils import spectral_norm as torch_hook
from torch.nn.utils import weight_norm as weight_norm_hook
from torch.nn.utils.parametrizations import spectral_norm as torch_norm
from torch.nn.utils.parametrizations import weight_norm

from steadygan.spectral import spectral_norm
from steadygan.spectral.audit import audit
from steadygan.spectral.auditing.tensors import audit_tensors


class OwnLinear(nn.Linear):
    """With the buffers of BigGAN-PyTorch, or with mimicry's."""

    def __init__(self, buffers):
        super().__init__(6, 4)
        for name, value in zip(buffers, (torch.randn(1, 4), torch.ones(1)), strict=True):
            self.register_buffer(name, value)


def ours(layer, **settings):
    spectral_norm(layer, **settings).refresh(100)
    return layer


@pytest.mark.filterwarnings("ignore:.*weight_norm.*deprecated:FutureWarning")
@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Linear(6, 4),
        lambda: nn.Conv2d(3, 8, 3),
        lambda: torch_norm(nn.Conv2d(3, 8, 3)),
        lambda: torch_norm(nn.ConvTranspose2d(3, 8, 3)),
        lambda: torch_norm(nn.ConvTranspose2d(8, 8, 3)),  # square: only u tells which way round it is read
        lambda: torch_norm(nn.MultiheadAttention(8, 2).out_proj),
        lambda: torch_hook(nn.Conv2d(3, 8, 3)),
        lambda: torch_hook(nn.ConvTranspose2d(3, 8, 3)),
        lambda: weight_norm(nn.Conv1d(3, 8, 3)),
        lambda: weight_norm_hook(nn.Conv1d(3, 8, 3)),
        lambda: OwnLinear(["u0", "sv0"]),
        lambda: OwnLinear(["sn_u", "sn_sigma"]),
        lambda: ours(nn.Linear(6, 4)),
        lambda: ours(nn.Conv2d(4, 8, 3, groups=2), coefficient=3.0),
        lambda: ours(nn.ConvTranspose2d(8, 8, 3)),
        lambda: ours(nn.ConvTranspose2d(4, 8, 3, groups=2)),
        lambda: ours(nn.MultiheadAttention(8, 2)),
        lambda: ours(nn.Linear(6, 4), mode="gain"),
        lambda: ours(nn.Embedding(6, 4), mode="initial"),
    ],
)
def test_a_file_tells_what_the_network_tells(make):
    """Same rows, but for what a file does not hold: kinds of layers and norms of convolutions."""
    net = nn.Sequential(make())
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if name.endswith("gain"):
                parameter.fill_(2.5)
    from_network, from_file = audit(net), audit_tensors(net.state_dict())
    assert [row.layer for row in from_file.rows] == [row.layer for row in from_network.rows]
    for known, found in zip(from_network.rows, from_file.rows, strict=True):
        assert (found.covered, found.shape, found.full) == (known.covered, known.shape, known.full)
        assert found.reason == known.reason
        assert (found.kind, found.operator) == ("", None)
        for name in ("believed", "promised", "sigma", "condition", "rank"):
            expected = getattr(known, name)
            assert getattr(found, name) == (expected if expected is None else pytest.approx(expected, rel=1e-4)), name
        assert (found.error is None) == (known.error is None)
        assert (found.error or 0) == pytest.approx(known.error or 0, abs=1e-4)


def test_what_has_no_matrix():
    net = nn.Sequential(nn.BatchNorm2d(4), nn.LayerNorm(4), nn.Conv2d(4, 4, 1), nn.InstanceNorm2d(4))
    net.register_parameter("token", nn.Parameter(torch.randn(1, 1, 4)))
    found = audit_tensors(net.state_dict(), "model.pt")
    assert {row.layer: bool(row.sigma) for row in found.rows} == {"token": False, "0": False, "2": True}
    assert "deviation" in found.rows[1].reason
    assert found.name == "model.pt"
    assert (found.bounds, found.input_shape) == (None, None)
    assert "instance norm" in found.notes[0]


def test_warnings_from_tensors_alone():
    net = nn.Sequential(torch_norm(nn.Linear(32, 32)), torch_norm(nn.Linear(32, 32)), nn.Linear(32, 32), nn.Linear(32, 1))
    for _ in range(300):
        net(torch.zeros(1, 32))
    torch.nn.init.orthogonal_(net[1].parametrizations.weight.original.data)
    net[1].parametrizations.weight.original.data[0] *= 4
    net[3].weight.data.zero_()
    found = {(each.trap, each.place) for each in audit_tensors(net.state_dict()).warnings}
    uncovered = {("uncovered layer", "2"), ("uncovered layer", "3")}
    assert found == {("sigma far from promised", "1"), ("zero weight", "3"), *uncovered}
    assert audit_tensors(nn.Linear(3, 3).state_dict()).warnings == ()


def test_vectors_of_another_size_are_no_estimate():
    weight = torch.randn(4, 3)
    expected = float(torch.linalg.matrix_norm(weight.double(), 2))
    for vectors in ({"a.weight_u": torch.randn(7)}, {"a.weight_u": torch.randn(4), "a.weight_v": torch.randn(30)}):
        (row,) = audit_tensors({"a.weight_orig": weight, **vectors}).rows
        assert (row.covered, row.believed) == ("", None)
        assert row.reason == "its u and v are not of its size"
        assert row.sigma == pytest.approx(expected, rel=1e-8)


def test_ours_by_the_operator_norm_is_said_to_be():
    net = nn.Sequential(nn.Conv2d(2, 3, 3))
    spectral_norm(net, norm="operator", input_shape=(2, 6, 6))
    (row,) = audit_tensors(net.state_dict()).rows
    assert (row.covered, row.error) == ("", None)
    assert row.reason.startswith("normalized by its operator norm")


def test_numbers_that_are_not_floats_and_empty_files():
    assert audit_tensors({}).rows == ()
    assert audit_tensors({"steps": torch.tensor(3), "table": torch.zeros(3, 3, dtype=torch.int64)}).rows == ()


def test_half_precision():
    weight = torch.randn(6, 4)
    (row,) = audit_tensors({"a.weight": weight.bfloat16()}).rows
    assert row.sigma == pytest.approx(float(torch.linalg.matrix_norm(weight.bfloat16().double(), 2)), rel=1e-8)
