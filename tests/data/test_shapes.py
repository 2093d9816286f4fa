"""Coloured shapes: antialiased, labelled, the same at every resolution."""

import pytest
import torch

from steadygan.data.shapes import OUTLINES, Shapes


def test_images_and_labels():
    source = Shapes(count=300)
    data = source.open()
    assert (data.shape, data.examples.dtype, len(data)) == ((3, 32, 32), torch.uint8, 300)
    assert data.class_names == ("circle", "square", "triangle", "star", "ring", "cross")
    assert data.labels.unique().tolist() == [0, 1, 2, 3, 4, 5]
    assert sum(source.survey().class_counts.values()) == 300


def test_the_seed_decides_and_the_count_is_all_it_changes():
    assert torch.equal(Shapes(count=20).open().examples, Shapes(count=20).open().examples)
    assert not torch.equal(Shapes(count=20).open().examples, Shapes(count=20, seed=1).open().examples)


def test_every_resolution_shows_the_same_scenes():
    """Each pixel holds the share it covers: 64 pixels averaged by twos are the 32 up to curved edges and corners."""
    fine, coarse = Shapes(count=50).open(64), Shapes(count=50).open(32)
    assert torch.equal(fine.labels, coarse.labels)
    averaged = torch.nn.functional.avg_pool2d(fine.examples.float(), 2)
    assert (averaged - coarse.examples.float()).abs().mean() < 0.5  # of 255; unrelated scenes differ by about 30


def test_edges_are_antialiased():
    """A circle covers pi r^2; counting whole pixels would be off by several at this size."""
    data = Shapes(count=60).open(32, 1)
    circles = data.examples[data.labels == 0].float()
    ground, paint = circles[:, 0, 0, 0], circles.flatten(1).min(dim=1).values
    cover = (circles - ground[:, None, None, None]) / (paint - ground)[:, None, None, None]
    edge = ((cover > 0.05) & (cover < 0.95)).flatten(1).sum(dim=1)
    assert edge.min() >= 10


@pytest.mark.parametrize("name", OUTLINES)
def test_outlines_have_an_inside_and_stay_in_reach(name):
    """All shapes fit into the circle of radius 1.1, which scenes keep inside of the image."""
    line = torch.linspace(-2, 2, 201)
    y, x = torch.meshgrid(line, line, indexing="ij")
    inside = OUTLINES[name](x[None], y[None])[0] < 0
    assert 0.05 < inside.float().mean() < 0.3
    assert torch.hypot(x, y)[inside].max() <= 1.1


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_channels(channels):
    assert Shapes(count=2).open(16, channels).shape == (channels, 16, 16)
