"""Spectral normalization as a stabilizer: when it acts in the game; the method itself is `steadygan.spectral`."""

from typing import Literal

from pydantic import PositiveFloat, PositiveInt
from torch import nn

from steadygan.game import Networks
from steadygan.spectral import SpectralNorm, Until, spectral_norm
from steadygan.stabilizers.base import Stabilizer
from steadygan.stabilizers.weight_norm import has_weight_norm, impossible_pair


class SpectralNormalization(Stabilizer):
    """Every weight of a player divided by its largest singular value. Miyato et al. 2018, arXiv:1802.05957, eq. 8.

    What we do differently from the paper: one refresh per update of the weights instead of one per forward pass, so that real
    and fake are judged by the same weights; and as many iterations as the singular vectors have turned, instead of one.

    Attributes:
        coefficient: c in `c * W / sigma`. 1 is the paper's; it starves the discriminator where the data's scale is small.
        mode: `hard` divides by sigma; `soft` only where sigma is above c; `gain` learns a factor; `initial` keeps the norm that
            each weight starts with; `bidirectional` divides by the mean of two norms; `measure` divides by nothing.
        n_power_iterations: iterations after each update, warm-started; none: until the relative residual is below 0.03.
        on: which player.
    """

    name: Literal["spectral_norm"] = "spectral_norm"
    coefficient: PositiveFloat = 1.0
    mode: Literal["hard", "soft", "gain", "initial", "bidirectional", "measure"] = "hard"
    n_power_iterations: PositiveInt | None = None
    on: Literal["discriminator", "generator", "both"] = "discriminator"

    def prepare(self, networks: Networks) -> None:
        """Normalize all layers of the chosen players.

        Raises:
            ConfigError: a player's weights are under `weight_norm`.
        """
        iterations = self.n_power_iterations or Until()
        for player in self._players(networks):
            if has_weight_norm(player):
                raise impossible_pair()
            spectral_norm(player, self.coefficient, mode=self.mode, n_power_iterations=iterations, automatic=False)

    def project(self, discriminator: nn.Module, step: int) -> None:
        """Refresh the discriminator's vectors; nothing where only the generator is normalized."""
        if self.on != "generator":
            SpectralNorm.of(discriminator).refresh()

    def project_generator(self, generator: nn.Module, step: int) -> None:
        """Refresh the generator's vectors; nothing where only the discriminator is normalized."""
        if self.on != "discriminator":
            SpectralNorm.of(generator).refresh()

    def bring_to_coefficient(self, networks: Networks) -> None:
        """Bring the norms of layers that are normalized already, as those of a checkpoint, to this coefficient."""
        if self.mode != "initial":
            for player in self._players(networks):
                SpectralNorm.of(player).set_coefficient(self.coefficient)

    def _players(self, networks: Networks) -> list[nn.Module]:
        chosen = {"discriminator": [networks.discriminator], "generator": [networks.generator]}
        return chosen.get(self.on, [networks.discriminator, networks.generator])
