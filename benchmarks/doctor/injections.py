"""What breaks a run half way: one small function each, of the match that is being played.

`Match` is what an injection may change. `INJECTIONS` names them, with the headlines that are right to give for the cause alone,
whatever becomes of the samples.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn
from worlds import World

from steadygan.data.streams import Stream
from steadygan.game import Batch
from steadygan.spectral import SpectralNorm, remove_spectral_norm
from steadygan.stabilizers.base import Stabilizer
from steadygan.training.loop import State
from steadygan.training.step import Method


class Tap(Stream):
    """A stream to be tampered with: `choose` says which examples come in place of others, `change` what becomes of them."""

    choose: Callable[[Tensor], Tensor] | None = None
    change: Callable[[Tensor, Tensor | None], tuple[Tensor, Tensor | None]] | None = None

    def batch(self, number: int) -> tuple[Tensor, Tensor | None]:
        """Batch `number`, tampered with."""
        indices = self.indices(number)
        examples, label = self.take(self.choose(indices) if self.choose else indices)
        return self.change(examples, label) if self.change else (examples, label)


@dataclass
class Match:
    """What an injection may change. `random` is its own; `method` may be replaced."""

    world: World
    state: State
    stream: Tap
    method: Method
    random: torch.Generator

    @property
    def mode(self) -> Tensor:
        """The mode of every training example: [N]."""
        everything = self.stream.take(torch.arange(len(self.stream.dataset)))[0]
        modes = [self.world.look(some).mode for some in torch.split(everything, 4000)]
        return torch.cat(modes)

    def kept_modes(self) -> Tensor:
        """A random quarter of the modes, at least two: [M]."""
        return torch.randperm(self.world.n_modes, generator=self.random)[: max(2, self.world.n_modes // 4)]

    def uniform(self) -> float:
        """One number in [0, 1)."""
        return float(torch.rand(1, generator=self.random))


def faster(*players: int) -> Callable[[Match], None]:
    """20 times the learning rate, for the discriminator (0), the generator (1) or both."""

    def act(match: Match) -> None:
        schedules = list(match.state.schedules)
        for player in players:
            schedules[player] = schedules[player].with_(learning_rate=20 * schedules[player].learning_rate)
        match.state.schedules = (schedules[0], schedules[1])

    return act


def stabilizer_off(match: Match) -> None:
    """No penalty and no normalization any more; the weights stay as they were used."""
    remove_spectral_norm(match.state.networks.discriminator)
    match.method = replace(match.method, stabilizers=())


@torch.no_grad()
def normalization_frozen(match: Match) -> None:
    """The singular vectors are those of another time and never refreshed, as after loading half of a checkpoint.

    The norm that is divided by is a quarter to three fifths of the true one.
    """
    rest = tuple(one for one in match.method.stabilizers if one.name != "spectral_norm")
    match.method = replace(match.method, stabilizers=rest)
    share = 0.25 + 0.35 * match.uniform()
    for one in SpectralNorm.of(match.state.networks.discriminator).weights:
        for vector in (one.us()[0], one.bases()[0][0]):
            vector.copy_(turned(vector, share, match.random))
        one.trust(False)  # read the vectors from now on, not what is remembered of the last refresh


def turned(vector: Tensor, share: float, random: torch.Generator) -> Tensor:
    """A unit vector whose squared cosine with `vector` is `share`; the same for a single number: [N] -> [N]."""
    other = torch.randn(len(vector), generator=random)
    other -= (other @ vector) * vector
    if len(vector) == 1:
        return vector
    mixed: Tensor = share**0.5 * vector + (1 - share) ** 0.5 * other / other.norm()
    return mixed


def discriminator_frozen(match: Match) -> None:
    """Its optimizer's step does nothing, as with parameters that the optimizer does not hold."""
    match.state.optimizers[0].step = lambda *_: None  # type: ignore[method-assign, assignment]


def modes_dropped(match: Match) -> None:
    """The loader serves a quarter of the modes only."""
    left = torch.isin(match.mode, match.kept_modes()).nonzero().flatten()
    match.stream.choose = lambda indices: left[indices % len(left)]


def few_examples(match: Match) -> None:
    """The loader serves 50 examples only."""
    left = torch.randperm(len(match.stream.dataset), generator=match.random)[:50]
    match.stream.choose = lambda indices: left[indices % len(left)]


def half_range(match: Match) -> None:
    """The loader serves everything at half its size."""
    match.stream.change = lambda examples, label: (examples / 2, label)


def inverted(match: Match) -> None:
    """The loader serves negatives, and points moved by half their spread: a mirror image of a ring is a ring."""
    shift = 0.0 if match.stream.dataset.are_images else 0.5 * float(match.stream.dataset.examples.std(0).mean())
    match.stream.change = lambda examples, label: (shift - examples, label)


def labels_shuffled(match: Match) -> None:
    """Every example has the label of some other one."""
    random = match.random
    match.stream.change = lambda examples, label: (examples, None if label is None else shuffled(label, random))


def shuffled(label: Tensor, random: torch.Generator) -> Tensor:
    """The same labels in random order: [B] -> [B]."""
    return label[torch.randperm(len(label), generator=random)]


def spiked(player: Literal["discriminator", "generator"]) -> Callable[[Match], None]:
    """One random weight matrix of a player times 10 to 100, once."""

    @torch.no_grad()
    def act(match: Match) -> None:
        matrices = [one for one in getattr(match.state.networks, player).parameters() if one.dim() > 1]
        matrices[int(match.uniform() * len(matrices))].mul_(10 ** (1 + match.uniform()))

    return act


class Deaf(Stabilizer):
    """Fakes of some modes send the generator no gradient. `world` is in no config: an injection alone makes it."""

    name: Literal["deaf"] = "deaf"
    world: Any
    modes: Any

    def transform(self, images: Tensor, batch: Batch) -> Tensor:
        """The same images; without a way back for those of the modes."""
        if not images.requires_grad:
            return images
        heard = torch.isin(self.world.look(images.detach()).mode, self.modes).float().reshape(-1, *[1] * (images.dim() - 1))
        return images * heard + images.detach() * (1 - heard)


def generator_deaf(match: Match) -> None:
    """Three quarters of the modes are dropped from the generator's gradient."""
    deaf = Deaf(world=match.world, modes=match.kept_modes())
    match.method = replace(match.method, stabilizers=(deaf, *match.method.stabilizers))


class Lame(Stabilizer):
    """Half of the units of every hidden layer of the discriminator are zeroed after each update."""

    name: Literal["lame"] = "lame"

    @torch.no_grad()
    def project(self, discriminator: nn.Module, step: int) -> None:
        """Zero the first half of the rows of weights and biases, but for the last layer's."""
        for weight in discriminator.parameters():
            if len(weight) > 1:
                weight[: len(weight) // 2] = 0


def discriminator_shrunk(match: Match) -> None:
    """Half of its units are gone from now on."""
    match.method = replace(match.method, stabilizers=(Lame(), *match.method.stabilizers))


@dataclass(frozen=True)
class Injection:
    """What happens, and the headlines that are right for its cause; `needs`: "" or a stabilizer, labels."""

    act: Callable[[Match], None]
    right: tuple[str, ...] = ()
    needs: str = ""


INJECTIONS = {
    "g_lr_x20": Injection(faster(1), ("OSCILLATION", "DIVERGENCE")),
    "d_lr_x20": Injection(faster(0), ("DISCRIMINATOR-WINS", "DIVERGENCE")),
    "both_lr_x20": Injection(faster(0, 1), ("OSCILLATION", "DIVERGENCE")),
    "stabilizer_off": Injection(stabilizer_off, ("REGIME-CHANGE",)),
    "norm_frozen": Injection(normalization_frozen, ("NORMALIZATION-NOT-IN-FORCE", "SPECTRAL-SPIKE"), "spectral_norm"),
    "d_frozen": Injection(discriminator_frozen, ("DISCRIMINATOR-DEAD",)),
    "d_shrunk": Injection(discriminator_shrunk, ("REGIME-CHANGE",)),
    "d_spike": Injection(spiked("discriminator"), ("SPECTRAL-SPIKE", "REGIME-CHANGE", "DISCRIMINATOR-WINS")),
    "g_spike": Injection(spiked("generator"), ("SPECTRAL-SPIKE", "REGIME-CHANGE", "DIVERGENCE")),
    "g_deaf": Injection(generator_deaf, ("MODE-COLLAPSE",)),
    "modes_dropped": Injection(modes_dropped, ("DATA-FAULT", "MODE-COLLAPSE")),
    "few_examples": Injection(few_examples, ("DATA-FAULT", "DISCRIMINATOR-OVERFITS", "GENERATOR-MEMORIZES")),
    "half_range": Injection(half_range, ("DATA-FAULT",)),
    "inverted": Injection(inverted, ("DATA-FAULT",)),
    "labels_shuffled": Injection(labels_shuffled, ("DATA-FAULT",), "labels"),
}
