import pytest
import torch

from steadygan.data.source import Dataset
from steadygan.sampling import images_of, picture, scatter, truncated_normal


def test_truncated_latents_stay_within_their_bound_and_keep_their_shape():
    """A standard normal cut at +-1 has standard deviation 0.5396; of 200,000 draws the estimate is off by 0.001."""
    z = truncated_normal(2000, 100, truncation=1.0, seed=0)
    assert z.abs().max() <= 1
    assert float(z.std()) == pytest.approx(0.5396, abs=0.005)


def test_the_same_seed_gives_the_same_latents():
    assert torch.equal(truncated_normal(3, 4, None, 7), truncated_normal(3, 4, None, 7))
    assert not torch.equal(truncated_normal(3, 4, None, 7), truncated_normal(3, 4, None, 8))


class Echo(torch.nn.Module):
    """Images whose value is their latent."""

    def __init__(self):
        super().__init__()
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def forward(self, z, label):
        return z.view(-1, 1, 1, 1).expand(-1, 1, 2, 2)


def test_images_come_in_order_whatever_the_batch():
    z = torch.linspace(-1, 1, 11).unsqueeze(1)
    assert torch.equal(images_of(Echo(), z, None, batch_size=4), images_of(Echo(), z, None, batch_size=100))
    assert images_of(Echo(), z, None).dtype == torch.uint8


def test_scatter_puts_points_where_they_are_and_survives_nan():
    frame = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    image = scatter(torch.tensor([[0.0, 1.0], [float("nan"), 0.0], [50.0, 0.0]]), frame, side=100)
    rows, columns = (image[0] != 255).nonzero().unbind(1)
    assert rows.max() < 20  # high up: y = 1
    assert columns.max() < 20  # at the left: x = 0


def test_a_picture_of_classes_has_a_row_each():
    examples = torch.zeros(6, 1, 8, 8, dtype=torch.uint8)
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    dataset = Dataset("x", examples, labels, ("a", "b", "c"))
    assert picture(examples, labels, dataset).shape[1] == 3 * 16
