import pytest
import torch

from steadygan.errors import EvaluationError
from steadygan.evaluation import EfficientNetLite0, Pixels, Points

EXTRACTOR = EfficientNetLite0(batch_size=3)


def images(n, channels=3, size=64, seed=0):
    return torch.randint(0, 256, (n, channels, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("channels", "size"), [(1, 28), (2, 28), (3, 64), (4, 100)])
def test_any_size_and_channels(channels, size):
    features = EXTRACTOR.features(images(4, channels, size))
    assert {tap: tuple(value.shape) for tap, value in features.items()} == {
        "tap": (4, 112),
        "head": (4, 1280),
        "logits": (4, 1000),
    }
    assert all(value.dtype == torch.float32 and value.isfinite().all() for value in features.values())


def test_batches_do_not_matter():
    several, one = EXTRACTOR.features(images(7)), EfficientNetLite0(batch_size=7).features(images(7))
    for tap in several:  # the same sums in another order: some 1e-6 of values near 10
        torch.testing.assert_close(several[tap], one[tap], rtol=1e-4, atol=1e-4)


def test_the_same_images_give_the_same_bits():
    first, second = (EfficientNetLite0().features(images(5)) for _ in range(2))
    assert all(torch.equal(first[tap], second[tap]) for tap in first)


def test_grey_is_repeated_and_alpha_laid_onto_white():
    grey = images(2, channels=1)
    clear = torch.cat([images(2), torch.zeros(2, 1, 64, 64, dtype=torch.uint8)], 1)
    white = torch.full((2, 3, 64, 64), 255, dtype=torch.uint8)
    assert torch.equal(EXTRACTOR.features(grey)["head"], EXTRACTOR.features(grey.expand(-1, 3, -1, -1))["head"])
    assert torch.equal(EXTRACTOR.features(clear)["head"], EXTRACTOR.features(white)["head"])


def test_shrinking_does_not_alias():
    """A fine checkerboard is grey when it is shrunk threefold; without antialiasing it would stay black and white."""
    board = (torch.arange(192)[:, None] + torch.arange(192)) % 2 * 255
    pixels = Pixels(size=64).features(board.to(torch.uint8).expand(1, 1, -1, -1))["head"]
    inner = pixels.view(64, 64)[1:-1, 1:-1]
    torch.testing.assert_close(inner, torch.full_like(inner, 0.5), atol=0.01, rtol=0)


def test_features_are_ordinary_tensors():
    head = EXTRACTOR.features(images(2))["head"]
    assert not head.is_inference()


def test_bfloat16_says_so_and_stays_near():
    """A bfloat16 holds 8 bits, so 50 layers in it are off by percents; what matters: the option takes effect and is named."""
    short = EfficientNetLite0(precision="bfloat16")
    exact, rounded = EXTRACTOR.features(images(2))["head"], short.features(images(2))["head"]
    assert rounded.dtype == torch.float32
    assert 0 < (exact - rounded).norm() / exact.norm() < 0.2
    assert "bfloat16" in short.title


@pytest.mark.parametrize("extractor", [EXTRACTOR, Pixels()])
@pytest.mark.parametrize(
    ("examples", "found"),
    [
        (torch.zeros(2, 3, 8, 8), r"float32 \[2, 3, 8, 8\]"),
        (torch.zeros(2, 8, 8, dtype=torch.uint8), r"uint8 \[2, 8, 8\]"),
        (torch.zeros(0, 3, 8, 8, dtype=torch.uint8), "at least one"),
        (torch.zeros(2, 5, 8, 8, dtype=torch.uint8), "1 to 4 channels"),
    ],
)
def test_what_is_not_images_is_refused(extractor, examples, found):
    with pytest.raises(EvaluationError, match=found):
        extractor.features(examples)


def test_pixels_are_the_pixels():
    given = images(300, channels=1, size=4)
    features = Pixels().features(given)["head"]
    assert torch.equal((features * 255).round().to(torch.uint8).view(300, 1, 4, 4), given)


def test_points_are_left_alone():
    points = torch.randn(5, 2)
    assert torch.equal(Points().features(points)["tap"], points)
    with pytest.raises(EvaluationError, match="efficientnet-lite0"):
        Points().features(images(2))
