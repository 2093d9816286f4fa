"""Audit: what is normalized in a network, how well, and what voids the bound. Works on any network, normalized or not."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from torch import Tensor, nn
from torch.optim import Optimizer

from steadygan.spectral.auditing import decomposition, slopes
from steadygan.spectral.auditing.cautions import Scene, shown
from steadygan.spectral.auditing.coverage import Subject, kind_of, subjects_of
from steadygan.spectral.auditing.findings import Audit, Row, excess, with_shares
from steadygan.spectral.auditing.items import Count, Item, Progress, measured
from steadygan.spectral.auditing.rehearsal import Rehearsal, rehearse, untouched
from steadygan.spectral.auditing.slopes import Slope, slopes_of
from steadygan.spectral.auditing.table import listed
from steadygan.spectral.auditing.traps import TRAPS
from steadygan.spectral.lipschitz import Bounds, lipschitz
from steadygan.spectral.matrix import CONVOLUTIONS, LAYERS


def audit(
    module: nn.Module,
    input_shape: tuple[int, ...] | None = None,
    *,
    optimizer: Optimizer | None = None,
    loss: str | None = None,
    exact: bool = False,
    progress: Progress | None = None,
) -> Audit:
    """What is normalized in `module`, by whom, how well, and what voids the bound. Leaves no trace in the network.

    Looks at it in evaluation mode, which decides what the running statistics and dropout do. Large weights and convolutions are
    measured within a budget, so that a network of 100 million parameters takes less than a minute on one core; each row says
    how it was measured.

    Args:
        module: any network.
        input_shape: of one sample, without the batch, such as (3, 32, 32). Without it convolutions have no operator norm, and
            the network no bounds. The network is called with one tensor, then with a label beside it, then with indices.
        optimizer: what trains it, to look for weight decay.
        loss: the name of what it is trained with, such as "wasserstein".
        exact: decompose every weight in full, and let every operator norm converge, however long that takes.
        progress: told how many of how many measurements are done.

    >>> found = audit(nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1)), (2,))
    >>> [row.layer for row in found.rows]
    ['0', '2']
    >>> found.rows[0].covered, found.rows[0].reason
    ('', 'nothing normalizes it')
    """
    budgets = (math.inf, math.inf) if exact else (decomposition.BUDGET, slopes.BUDGET)
    with untouched(module):
        subjects = tuple(subjects_of(module))
        pairs = [(subject.layer, item) for subject in subjects for item in items_of(subject)]
        items = [item for _, item in pairs]
        count = Count(progress, len(items) + sum(isinstance(subject.layer, CONVOLUTIONS) for subject in subjects) + 2)
        rows = measured(items, budgets[0], count)
        rehearsal = rehearse(module, input_shape) if input_shape else None
        found = slopes_of(subjects, rehearsal.shapes if rehearsal else {}, budgets[1], count)
        rows = [stretched(row, *pair, found) for row, pair in zip(rows, pairs, strict=True)]
        scene = scene_of(module, subjects, rows, rehearsal, optimizer, loss)
        cautions = tuple(caution for trap in TRAPS for caution in trap(scene))
    count()
    bounds, problem = bounds_of(module, input_shape) if input_shape and rehearsal and not rehearsal.failure else (None, "")
    count()
    parameters = sum(parameter.numel() for parameter in module.parameters() if not nn.parameter.is_lazy(parameter))
    notes = (*notes_on(subjects, rehearsal), *filter(None, [problem]))
    return Audit(type(module).__name__, parameters, input_shape, with_shares(rows), bounds, cautions, notes)


def bounds_of(module: nn.Module, input_shape: tuple[int, ...]) -> tuple[Bounds | None, str]:
    """The bounds of the network, or why there are none."""
    try:
        return lipschitz(module, input_shape), ""
    except Exception as error:  # a stranger's network can fail in any way, and its rows are worth having without
        return None, f"No bounds: {type(error).__name__}: {error}"


def items_of(subject: Subject) -> list[Item]:
    """A subject's rows: one, or one for each of queries, keys and values."""
    weight, coverage = subject.weight, subject.coverage
    kind = kind_of(subject.layer)
    if weight is None:
        return [Item(subject.name, kind, subject.shape, coverage)]

    def read(index: int) -> Tensor:
        found = weight.matrices(weight.value.detach()) * coverage.factor
        return found[index : index + 1] if weight.apart else found

    return [
        Item(label, kind, subject.shape, coverage, index, partial(read, index)) for index, label in enumerate(weight.labels)
    ]


def stretched(row: Row, layer: nn.Module, item: Item, slopes: dict[int, Slope]) -> Row:
    """The row with its operator norm: sigma for linear maps, what was measured for convolutions."""
    if isinstance(layer, nn.Linear | nn.MultiheadAttention) and row.sigma is not None:
        return replace(row, operator=row.sigma, operator_method="matrix")
    slope = slopes.get(id(layer), Slope())
    error = excess(slope.norm, item.coverage.promised[item.index]) if item.coverage.of_operator else row.error
    return replace(row, operator=slope.norm, operator_method=slope.method, error=error)


def scene_of(
    module: nn.Module,
    subjects: tuple[Subject, ...],
    rows: Sequence[Row],
    rehearsal: Rehearsal | None,
    optimizer: Optimizer | None,
    loss: str | None,
) -> Scene:
    """What the traps look at."""
    errors = {row.layer: row.error for row in rows if row.error is not None}
    sigmas = {row.layer: row.sigma for row in rows if row.full is not None}
    seen = None if rehearsal is None or rehearsal.failure else rehearsal
    return Scene(module, subjects, errors, sigmas, seen, optimizer, loss)


def notes_on(subjects: Sequence[Subject], rehearsal: Rehearsal | None) -> tuple[str, ...]:
    """What could not be known."""
    if rehearsal is None:
        return ("No input shape: convolutions have no operator norm, and the network no bounds.",)
    if rehearsal.failure:
        return (f"No forward pass, so no operator norms of convolutions and no bounds: {rehearsal.failure}",)
    idle = [shown(subject.name) for subject in subjects if is_idle(subject, rehearsal)]
    return (f"Not called in the forward pass: {listed(idle)}.",) if idle else ()


def is_idle(subject: Subject, rehearsal: Rehearsal) -> bool:
    """Whether a layer that stands in the network was not called. Attention reads its output layer without calling it."""
    return isinstance(subject.layer, LAYERS) and subject.name not in rehearsal.shapes and not subject.name.endswith("out_proj")
