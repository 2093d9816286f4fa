"""The losses of the game. Each takes raw logits [B]; each returns a scalar that its player minimizes."""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from steadygan.parts import Part, Table


class Loss(Part):
    """What the two players minimize. Real and fake logits are [B] each, and paired by position where a loss needs pairs."""

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """The discriminator's loss: [B], [B] -> scalar."""
        raise NotImplementedError

    def generator(self, fake_logits: Tensor, real_logits: Tensor) -> Tensor:
        """The generator's loss: [B], [B] -> scalar. Only relativistic losses look at `real_logits`."""
        raise NotImplementedError

    @property
    def relativistic(self) -> bool:
        """Whether the generator's loss needs the logits of real images too (one more forward pass)."""
        return False


class NonSaturating(Loss):
    """Non-saturating logistic loss: G maximizes log D(fake). Goodfellow et al. 2014, arXiv:1406.2661, section 3."""

    name: Literal["non_saturating"] = "non_saturating"

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Mean cross-entropy, real against fake: [B], [B] -> scalar, 2 log 2 for a blind discriminator."""
        return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()

    def generator(self, fake_logits: Tensor, real_logits: Tensor) -> Tensor:
        """Mean of -log D(fake): [B] -> scalar."""
        return F.softplus(-fake_logits).mean()


class Minimax(NonSaturating):
    """The original zero-sum loss: G minimizes log(1 - D(fake)), flat where D is sure. Goodfellow et al. 2014, eq. 1."""

    name: Literal["minimax"] = "minimax"  # type: ignore[assignment]

    def generator(self, fake_logits: Tensor, real_logits: Tensor) -> Tensor:
        """Mean of log(1 - D(fake)): [B] -> scalar, at most 0."""
        return -F.softplus(fake_logits).mean()


class Hinge(Loss):
    """Hinge loss: real logits are pushed above +margin, fake logits below -margin. Lim & Ye 2017, arXiv:1705.02894."""

    name: Literal["hinge"] = "hinge"
    margin: float = 1.0

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Mean hinge violation of both batches: [B], [B] -> scalar, at least 0."""
        return F.relu(self.margin - real_logits).mean() + F.relu(self.margin + fake_logits).mean()

    def generator(self, fake_logits: Tensor, real_logits: Tensor) -> Tensor:
        """Minus the mean fake logit: [B] -> scalar."""
        return -fake_logits.mean()


class Wasserstein(Loss):
    """Critic difference; an estimate of W1 only while the critic is Lipschitz. Arjovsky et al. 2017, arXiv:1701.07875.

    With spectral normalization at coefficient 1 the critic is far flatter than 1-Lipschitz and training barely moves: raise
    the coefficient, add a gradient penalty, or use the hinge loss.
    """

    name: Literal["wasserstein"] = "wasserstein"

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Minus the critic's gap between real and fake: [B], [B] -> scalar."""
        return fake_logits.mean() - real_logits.mean()

    def generator(self, fake_logits: Tensor, real_logits: Tensor) -> Tensor:
        """Minus the mean fake logit: [B] -> scalar."""
        return -fake_logits.mean()


class LeastSquares(Loss):
    """Least squares: real logits to 1, fake to 0. Mao et al. 2017, arXiv:1611.04076, eq. 9."""

    name: Literal["least_squares"] = "least_squares"

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Half the mean squared distance to the targets 1 and 0: [B], [B] -> scalar, at least 0."""
        return 0.5 * ((real_logits - 1).square().mean() + fake_logits.square().mean())

    def generator(self, fake_logits: Tensor, real_logits: Tensor) -> Tensor:
        """Half the mean squared distance of the fake logits to 1: [B] -> scalar, at least 0."""
        return 0.5 * (fake_logits - 1).square().mean()


class RelativisticPairing(Loss):
    """Each fake is judged against one real: softplus(-(D(real) - D(fake))).

    Jolicoeur-Martineau 2018, arXiv:1807.00734; with R1 and R2 it is the loss of R3GAN (Huang et al. 2024, arXiv:2501.05441),
    whose generator minimizes the non-saturating form, softplus of the mirrored difference, as here.
    """

    name: Literal["relativistic"] = "relativistic"

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Mean softplus of fake minus real: [B], [B] -> scalar, log 2 for a blind discriminator."""
        return F.softplus(fake_logits - real_logits).mean()

    def generator(self, fake_logits: Tensor, real_logits: Tensor) -> Tensor:
        """Mean softplus of real minus fake: [B], [B] -> scalar."""
        return F.softplus(real_logits - fake_logits).mean()

    @property
    def relativistic(self) -> bool:
        """Always: the pair is the point."""
        return True


LOSSES: Table[Loss] = Table(
    "loss",
    Loss,
    {
        "non_saturating": NonSaturating,
        "minimax": Minimax,
        "hinge": Hinge,
        "wasserstein": Wasserstein,
        "least_squares": LeastSquares,
        "relativistic": RelativisticPairing,
    },
)
