"""Audits of whatever a target names."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import nn

from steadygan.applications.targets import Target, targets_of
from steadygan.errors import UsageError
from steadygan.spectral.audit import audit
from steadygan.spectral.auditing.findings import Audit
from steadygan.spectral.auditing.tensors import audit_tensors

Progress = Callable[[int, int], None]
PLAYERS = ("both", "discriminator", "generator")


@dataclass(frozen=True)
class Order:
    """What is to be audited, and how.

    Attributes:
        target: see `targets_of`.
        input_shape: of one sample; None takes a run's own, and goes without for the rest.
        player, checkpoint: of a run.
        settings: arguments of a class or function, as `name=value`.
        exact: decompose everything in full, however long it takes.
    """

    target: str
    input_shape: tuple[int, ...] | None = None
    player: str = "both"
    checkpoint: str = "last"
    settings: Sequence[str] = ()
    exact: bool = False


def audits(order: Order, progress: Progress | None = None) -> dict[str, Audit]:
    """The audits of all networks that a target names, by their names.

    Raises:
        UsageError: the order makes no sense, or the target cannot be read.
    """
    if order.player not in PLAYERS:
        raise UsageError(f"--player: there is no {order.player!r}", f"one of {', '.join(PLAYERS)}")
    targets = targets_of(order.target, order.player, order.checkpoint, order.settings)
    return {target.name: audit_of(target, order, progress) for target in targets}


def audit_of(target: Target, order: Order, progress: Progress | None) -> Audit:
    """The audit of one network."""
    if not isinstance(target.network, nn.Module):
        return audit_tensors(target.network, target.name, exact=order.exact, progress=progress)
    return audit(
        target.network,
        order.input_shape or target.input_shape,
        optimizer=target.optimizer,
        loss=target.loss,
        exact=order.exact,
        progress=progress,
    )


def shape_of(text: str | None) -> tuple[int, ...] | None:
    """`3,32,32` as numbers.

    >>> shape_of("3,32,32")
    (3, 32, 32)

    Raises:
        UsageError: it is something else.
    """
    if text is None:
        return None
    parts = text.replace("x", ",").split(",")
    if not all(part.strip().isdigit() and int(part) for part in parts):
        raise UsageError(
            f"--input-shape: expected numbers above 0, got {text!r}", "as in --input-shape 3,32,32, without the batch"
        )
    return tuple(map(int, parts))
