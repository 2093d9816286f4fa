"""Spectral normalization as a stabilizer: when it acts in the game; the method itself is `steadygan.spectral`."""

from typing import Literal

from pydantic import NonNegativeInt, PositiveFloat, PositiveInt
from torch import nn

from steadygan.game import Networks
from steadygan.spectral import SpectralNorm, spectral_norm
from steadygan.stabilizers.base import Stabilizer


class SpectralNormalization(Stabilizer):
    """Every weight of a player divided by its largest singular value. Miyato et al. 2018, arXiv:1802.05957, eq. 8.

    What we do differently from the paper: one refresh per update of the weights instead of one per forward pass, so that real
    and fake are judged by the same weights; and a few more iterations while the weights still move fast.

    Attributes:
        coefficient: c in `c * W / sigma`. 1 is the paper's; it starves the discriminator where the data's scale is small.
        n_power_iterations: iterations after each update, warm-started.
        start_up_steps, start_up_iterations: for that many first steps, that many iterations instead.
        on: which player.
    """

    name: Literal["spectral_norm"] = "spectral_norm"
    coefficient: PositiveFloat = 1.0
    n_power_iterations: PositiveInt = 2
    start_up_steps: NonNegativeInt = 50
    start_up_iterations: PositiveInt = 5
    on: Literal["discriminator", "generator", "both"] = "discriminator"

    def prepare(self, networks: Networks) -> None:
        """Normalize all layers of the chosen players."""
        if self.on != "generator":
            spectral_norm(networks.discriminator, self.coefficient)
        if self.on != "discriminator":
            spectral_norm(networks.generator, self.coefficient)

    def project(self, discriminator: nn.Module, step: int) -> None:
        """Refresh the discriminator's vectors; nothing where only the generator is normalized."""
        if self.on != "generator":
            SpectralNorm.of(discriminator).refresh(self._iterations(step))

    def project_generator(self, generator: nn.Module, step: int) -> None:
        """Refresh the generator's vectors; nothing where only the discriminator is normalized."""
        if self.on != "discriminator":
            SpectralNorm.of(generator).refresh(self._iterations(step))

    def _iterations(self, step: int) -> int:
        return self.start_up_iterations if step < self.start_up_steps else self.n_power_iterations
