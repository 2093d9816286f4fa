"""What the traps look at, and what they say."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn
from torch.optim import Optimizer

from steadygan.spectral.auditing.coverage import Subject
from steadygan.spectral.auditing.rehearsal import Rehearsal


@dataclass(frozen=True)
class Caution:
    """A known trap that a network stands in.

    Attributes:
        place: the layer or layers.
        trap: its name.
        why: what it does, with a number of this network where there is one, and who says so.
        advice: what to do about it.
    """

    place: str
    trap: str
    why: str
    advice: str


@dataclass(frozen=True)
class Scene:
    """A network, as far as the audit knows it.

    Attributes:
        subjects: what has a row; `errors`: label -> by how much its norm exceeds what is promised, `sigmas`: its norm, None
            where it is not finite.
        rehearsal: what a forward pass showed; None without an input shape, or where it failed.
        optimizer, loss: what the network is trained with, where the caller said so.
    """

    module: nn.Module
    subjects: tuple[Subject, ...]
    errors: dict[str, float]
    sigmas: dict[str, float | None]
    rehearsal: Rehearsal | None = None
    optimizer: Optimizer | None = None
    loss: str | None = None

    @property
    def weights(self) -> list[Subject]:
        """The subjects that have a weight."""
        return [subject for subject in self.subjects if subject.weight is not None]

    @property
    def normalized(self) -> list[Subject]:
        """Those whose largest singular value something keeps in check."""
        return [subject for subject in self.weights if subject.coverage.by]

    def layers(self, *kinds: type[nn.Module]) -> Iterator[tuple[str, nn.Module]]:
        """(name, layer) of each layer of these kinds."""
        return ((shown(name), layer) for name, layer in self.module.named_modules() if isinstance(layer, kinds))

    def calling(self, operation: str) -> list[str]:
        """Names of the modules whose own code calls an operation; none where there was no forward pass."""
        calls = self.rehearsal.calls if self.rehearsal else {}
        return [name for name, operations in calls.items() if operation in operations]


def shown(name: str) -> str:
    """A module's name; the network itself has none."""
    return name or "(the network)"


def stored(subject: Subject) -> Tensor | None:
    """The parameter that an optimizer moves for a subject's weight."""
    weight, layer = subject.weight, subject.layer
    if weight is None:
        return None
    chains = getattr(layer, "parametrizations", None)
    if isinstance(chains, nn.ModuleDict) and weight.parameter in chains:
        return next(chains[weight.parameter].parameters(recurse=False), None)
    hooked = layer._parameters.get(f"{weight.parameter}_orig")
    return hooked if hooked is not None else layer._parameters.get(weight.parameter)
