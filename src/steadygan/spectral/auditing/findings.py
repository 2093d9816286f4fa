"""What an audit finds: rows, bounds, cautions; as a table for a person and as JSON for a program."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from steadygan.spectral.auditing.cautions import Caution
from steadygan.spectral.auditing.coverage import Coverage
from steadygan.spectral.auditing.decomposition import Spectrum
from steadygan.spectral.auditing.table import Paint, plain, tabulated
from steadygan.spectral.lipschitz import Bounds


@dataclass(frozen=True)
class Row:
    """One weight of a network, or one layer that has no matrix but parameters. None is what is not known.

    Attributes:
        layer: its name, with `[q]`, `[k]` or `[v]` where one weight holds three maps.
        kind, shape: the layer's class, and the weight's shape as it is stored.
        covered: by what its largest singular value is kept in check: `ours`, `torch`, `torch hook`, `orthogonal`, `BigGAN`,
            `mimicry`; "" for nothing, and then `reason` says why.
        believed: the largest singular value of the stored weight, as the normalization believes.
        promised: what the normalization brings the largest singular value to.
        sigma: the largest singular value of the weight as it is used; over all groups of a grouped convolution.
        error: how much steeper it is than promised: sigma / promised - 1.
        operator: the norm of the layer as a linear map between inputs of the size that it is given; None without input shape.
        condition: largest over smallest singular value; inf for a singular matrix.
        rank, full: effective rank, and the most that it could be.
        share: of the sum of log(operator) over all layers that stretch, as if they all stood in a row.
        method: how sigma, condition and rank were found: see `Spectrum`.
        operator_method: how operator was found: see `Slope`.
    """

    layer: str
    kind: str
    shape: tuple[int, ...]
    covered: str = ""
    reason: str = ""
    believed: float | None = None
    promised: float | None = None
    sigma: float | None = None
    error: float | None = None
    operator: float | None = None
    condition: float | None = None
    rank: float | None = None
    full: int | None = None
    share: float | None = None
    method: str = ""
    operator_method: str = ""


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        name: the network's class, or the file's name.
        parameters: how many there are.
        input_shape: of one sample.
        rows: one for each weight and for each layer with parameters or statistics that has none.
        bounds: of the network's Lipschitz constant: `lower`, `upper`, and what is `unknown`; None without input shape.
        warnings: the known traps that it stands in.
        notes: what could not be known, and why.
    """

    name: str
    parameters: int
    input_shape: tuple[int, ...] | None
    rows: tuple[Row, ...]
    bounds: Bounds | None = None
    warnings: tuple[Caution, ...] = ()
    notes: tuple[str, ...] = ()

    def table(self, width: int = 100, paint: Paint = plain) -> str:
        """The audit as text for a person: the rows, the bounds, the notes and the warnings.

        Args:
            width: columns to fill at most; where there are fewer than about 90, columns are left out, and named.
            paint: puts colour on a piece of text: (text, "good", "bad", "faint", "strong" or "warning") -> text.
        """
        return tabulated(self, width, paint)

    def as_dict(self) -> dict[str, Any]:
        """The audit as plain values; numbers are finite or None."""
        found: dict[str, Any] = finite(asdict(self))
        return found

    def json(self) -> str:
        """The audit as one JSON object; numbers are finite or null."""
        return json.dumps(self.as_dict(), indent=1, allow_nan=False)


def finite(value: Any) -> Any:
    """The same plain value, with None for each number that is not finite and lists for tuples."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def row_of(label: str, kind: str, shape: Sequence[int], coverage: Coverage, index: int, spectrum: Spectrum | None) -> Row:
    """The row of one weight or block, but for what depends on the input."""
    row = Row(label, kind, tuple(shape), coverage.by, coverage.reason)
    if spectrum is None:
        return row
    promised, sigma = coverage.promised[index], spectrum.sigma
    return replace(
        row,
        believed=coverage.believed[index],
        promised=promised,
        sigma=sigma,
        error=None if coverage.of_operator else excess(sigma, promised),
        condition=spectrum.condition,
        rank=spectrum.rank,
        full=spectrum.full,
        method=spectrum.method,
    )


def excess(norm: float | None, promised: float | None) -> float | None:
    """How much steeper than promised: norm / promised - 1."""
    return norm / promised - 1 if norm is not None and promised else None


def with_shares(rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows with each layer's share of the stretching; none where the norm of a layer with a matrix is not known."""
    logs = [math.log(row.operator) if row.operator and row.operator > STRETCHES else 0.0 for row in rows]
    matrices = [row for row in rows if row.sigma is not None and row.kind not in NOT_IN_A_ROW]
    known = all(row.operator is not None and row.operator_method != "bound" for row in matrices)
    total = sum(logs)
    if not known or not 0 < total < math.inf:
        return tuple(rows)
    shares = (log / total if row.operator is not None else None for row, log in zip(rows, logs, strict=True))
    return tuple(replace(row, share=share) for row, share in zip(rows, shares, strict=True))


STRETCHES = 1.001  # from here on: what is nearer to 1 is the error of an estimate
NOT_IN_A_ROW = ("Embedding", "EmbeddingBag", "Bilinear")  # no linear map of the network's input
