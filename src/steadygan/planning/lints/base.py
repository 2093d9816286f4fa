"""What the lints look at, and what they say."""

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor
from torch.optim import Optimizer

from steadygan.game import Networks
from steadygan.planning.lints.answers import Answers, answers_of, fakes_of
from steadygan.spectral.audit import scene_of
from steadygan.spectral.auditing.cautions import Scene
from steadygan.spectral.auditing.coverage import subjects_of
from steadygan.spectral.auditing.rehearsal import rehearse, untouched


@dataclass(frozen=True)
class Lint:
    """A known way to go wrong that can be seen before the first step. It is a message and never an alarm.

    Attributes:
        name: of the lint, such as `batch_norm_in_discriminator`.
        where: the player, layer or setting.
        message: what was found, and what it does.
        advice: what to do about it.
    """

    name: str
    where: str
    message: str
    advice: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}; {self.advice}"


@dataclass(frozen=True)
class Setup:
    """What is about to be trained, as far as it is known; a lint that misses something says nothing.

    Attributes:
        networks: the players, as they are called in training.
        optimizers: of the discriminator and of the generator.
        real, label: [B, ...] and [B], real examples as the discriminator is given them.
        z: [B, Z], as many latents.
        loss: its name, such as "wasserstein".
    """

    networks: Networks
    optimizers: tuple[Optimizer | None, Optimizer | None] = (None, None)
    real: Tensor | None = None
    label: Tensor | None = None
    z: Tensor | None = None
    loss: str = ""

    @cached_property
    def scene(self) -> Scene:
        """The discriminator as the audit sees it, without its measurements: one forward pass, no decomposition."""
        network = self.networks.discriminator
        with untouched(network):
            subjects = tuple(subjects_of(network))
            rehearsal = None if self.real is None else rehearse(network, tuple(self.real.shape[1:]))
            return scene_of(network, subjects, (), rehearsal, self.optimizers[0], self.loss)

    @cached_property
    def answers(self) -> Answers | None:
        """What the discriminator says of the reals; None without any."""
        return None if self.real is None else answers_of(self.networks.discriminator, self.real, self.label)

    @cached_property
    def fakes(self) -> tuple[Tensor, str] | None:
        """What the generator makes of the latents, and the function behind it; None without latents."""
        return None if self.z is None else fakes_of(self.networks.generator, self.z, self.label)
