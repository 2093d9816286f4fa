"""Pixel shuffle: a generator that grows by rearranging channels into pixels, and a discriminator that does the reverse."""

from typing import Literal

from pydantic import PositiveInt
from torch import Tensor, nn

from steadygan.errors import ConfigError
from steadygan.game import Networks
from steadygan.networks import Architecture, Spec


class PixelShuffle(Architecture):
    """Sub-pixel convolutions up, space-to-depth convolutions down. Shi et al. 2016, arXiv:1609.05158. Labels are not used."""

    name: Literal["pixel_shuffle"] = "pixel_shuffle"
    width: PositiveInt = 32  # channels at half the resolution; twice as many at a quarter

    def build(self, spec: Spec) -> Networks:
        """Players for images whose sides are multiples of 4."""
        if len(spec.shape) != 3 or spec.shape[1] % 4 or spec.shape[2] % 4:
            raise ConfigError(
                f"network: 'pixel_shuffle' needs sides that are multiples of 4, got {spec.shape}", "set resolution"
            )
        channels, height, width = spec.shape
        inner = (4 * self.width, height // 4, width // 4)
        up = nn.Sequential(
            *(
                nn.Linear(spec.z_dim, inner[0] * inner[1] * inner[2]),
                nn.Unflatten(1, inner),
                nn.BatchNorm2d(inner[0]),
                nn.ReLU(),
            ),
            *(nn.PixelShuffle(2), nn.Conv2d(self.width, 4 * channels, 3, padding=1), nn.PixelShuffle(2), nn.Tanh()),
        )
        down = nn.Sequential(
            *(nn.PixelUnshuffle(2), nn.Conv2d(4 * channels, self.width, 3, padding=1), nn.LeakyReLU(0.1)),
            *(nn.PixelUnshuffle(2), nn.Conv2d(4 * self.width, 2 * self.width, 3, padding=1), nn.LeakyReLU(0.1)),
            *(nn.Flatten(), nn.Linear(2 * self.width * inner[1] * inner[2], 1), nn.Flatten(0)),
        )
        return Networks(Unlabelled(up), Unlabelled(down))


class Unlabelled(nn.Module):
    """A network that is called with a label and does not look at it."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, inputs: Tensor, label: Tensor | None = None) -> Tensor:
        """What the body makes of `inputs`."""
        output: Tensor = self.body(inputs)
        return output
