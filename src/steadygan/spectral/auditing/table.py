"""An audit as text: a table that fits its width, what is known of the whole, and the warnings."""

import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steadygan.spectral.auditing.findings import Audit, Row
    from steadygan.spectral.lipschitz import Bounds

Paint = Callable[[str, str], str]
MARKS = "¹²³⁴⁵⁶⁷⁸⁹"
SHORT = {"MultiheadAttention": "MHA", "ConvTranspose1d": "ConvT1d", "ConvTranspose2d": "ConvT2d", "ConvTranspose3d": "ConvT3d"}
SMALLEST_NAME = 14
NOTICED, ALARMING = 0.05, 0.1  # errors from which on they are coloured
SHARE = "share: of the sum of log(operator) of the layers that stretch, as if they all stood in a row"
LEGEND = {
    "power": "~ an estimate by power iterations that can only be too small: a decomposition would take too long (--exact)",
    "gram": "> from the eigenvalues of the Gram matrix alone, which know no condition number above 1e6",
    "bound": "≤ a certified bound on the norm, as the norm itself would take too long (--exact)",
}


def plain(text: str, _style: str) -> str:
    """No colour."""
    return text


@dataclass(frozen=True)
class Column:
    """One column: what it shows of a row, and in which style."""

    title: str
    cell: Callable[["Row"], str]
    style: Callable[["Row"], str] = lambda _: ""
    left: bool = False


def tabulated(audit: "Audit", width: int, paint: Paint = plain) -> str:
    """The whole audit as text of at most `width` columns."""
    reasons = list(dict.fromkeys(row.reason for row in audit.rows if row.sigma is not None and row.reason))
    marks = {reason: MARKS[index] if index < len(MARKS) else "*" for index, reason in enumerate(reasons)}
    columns, widths, gap, dropped = fitted(columns_for(audit.rows, marks), audit.rows, width)
    head = gap.join(aligned(column.title, size, column) for column, size in zip(columns, widths, strict=True))
    lines = [paint(title(audit), "strong"), "", paint(head, "faint"), paint("─" * len(head), "faint")]
    lines += [line(row, columns, widths, gap, paint, width) for row in audit.rows]
    lines += ["", *wrapped(summary(audit, dropped), width), *(paint(each, "faint") for each in remarks(audit, marks, width))]
    return "\n".join([*lines, *warnings_of(audit, width, paint)]) + "\n"


def title(audit: "Audit") -> str:
    """What was looked at."""
    shape = f", input {by(audit.input_shape)}" if audit.input_shape else ""
    return f"{audit.name}: {thousands(audit.parameters)} parameters{shape}"


def columns_for(rows: Sequence["Row"], marks: dict[str, str]) -> list[Column]:
    """The columns that have something to show."""
    found = [
        Column("layer", lambda row: row.layer or "(the network)", left=True),
        Column("weight", lambda row: f"{SHORT.get(row.kind, row.kind)} {by(row.shape)}".strip(), left=True),
        Column("covered", lambda row: covered(row, marks), lambda row: "good" if row.covered else "warning", left=True),
        Column("believed", lambda row: number(row.believed), lambda _: "faint"),
        Column("sigma", lambda row: ("~" if row.method == "power" else "") + number(row.sigma), lambda _: "strong"),
        Column("error", error, error_style),
        Column("operator", operator),
        Column("cond.", condition, lambda row: "warning" if (row.condition or 0) > 1e6 else ""),
        Column("eff. rank", rank),
        Column("share", lambda row: "–" if row.share is None else f"{row.share:.0%}"),
    ]
    matrices = [row for row in rows if row.full is not None]
    return [column for column in found if column.left or any(column.cell(row) != "–" for row in matrices)]


def covered(row: "Row", marks: dict[str, str]) -> str:
    """Whose normalization, or no and the mark of the reason."""
    return row.covered.removeprefix("torch ") or f"no{marks.get(row.reason, '')}"


def error(row: "Row") -> str:
    """How much steeper than promised, in percent."""
    return "–" if row.error is None else "0.0%" if abs(row.error) < 0.0005 else f"{row.error:+.1%}"


def error_style(row: "Row") -> str:
    """Red from a tenth too steep, yellow from a twentieth off."""
    return "" if row.error is None or abs(row.error) < NOTICED else "bad" if row.error > ALARMING else "warning"


def operator(row: "Row") -> str:
    """The operator norm, marked where it is not exact."""
    mark = "≤" if row.operator_method == "bound" else "~" if row.operator_method == "matrix" and row.method == "power" else ""
    return mark + number(row.operator)


def condition(row: "Row") -> str:
    """The condition number, to two digits."""
    if row.condition is None:
        return "–"
    if math.isinf(row.condition):
        return ">1e6" if row.method == "gram" else "∞"
    return short(f"{row.condition:.1e}") if row.condition >= 1e5 else f"{row.condition:.{1 if row.condition < 10 else 0}f}"


def rank(row: "Row") -> str:
    """Effective rank of full rank."""
    return "–" if row.rank is None else f"{row.rank:.{0 if row.rank >= 100 else 1}f}/{row.full}"


def fitted(columns: list[Column], rows: Sequence["Row"], width: int) -> tuple[list[Column], list[int], str, list[str]]:
    """The columns that fit, their sizes, the gap between them, and the titles of those that were dropped.

    Names are shortened where that leaves them apart; columns go where it does not.
    """
    dropped: list[str] = []
    for unwanted in ("", "believed", "share", "cond.", "eff. rank", "operator"):
        dropped += [column.title for column in columns if column.title == unwanted]
        columns = [column for column in columns if column.title != unwanted]
        first, *rest = [
            max([len(column.title), *(len(column.cell(row)) for row in rows if fills(row, column))]) for column in columns
        ]
        for gap, whole in ((2, True), (1, True), (2, False), (1, False)):
            size = min(first, width - sum(rest) - gap * len(rest))
            if size == first or (not whole and size >= SMALLEST_NAME and are_apart(rows, size)):
                return columns, [size, *rest], " " * gap, dropped
    return columns, [min(first, SMALLEST_NAME), *rest], " ", dropped


def are_apart(rows: Sequence["Row"], size: int) -> bool:
    """Whether no two names become the same when they are shortened."""
    names = {row.layer for row in rows}
    return len({short_name(name, size) for name in names}) == len(names)


def short_name(name: str, size: int) -> str:
    """A layer's name in at most `size` characters: `encoder.layers.0.attention` as `e.l.0.attention`, or its end.

    >>> short_name("encoder.layers.0.attention", 18), short_name("encoder.layers.0.attention", 8)
    ('e.l.0.attention', '…tention')
    """
    parts = name.split(".")
    for index in range(len(parts) - 1):
        if len(name) > size:
            parts[index] = parts[index] if parts[index].isdigit() else parts[index][:1]
            name = ".".join(parts)
    return name if len(name) <= size else f"…{name[len(name) - size + 1 :]}"


def fills(row: "Row", column: Column) -> bool:
    """Whether a row has a cell of its own here; the reason of one without a matrix takes all the rest."""
    return row.full is not None or column.title in ("layer", "weight")


def line(row: "Row", columns: list[Column], widths: list[int], gap: str, paint: Paint, width: int) -> str:
    """One row as a line."""
    cells = [(column, aligned(column.cell(row), size, column)) for column, size in zip(columns, widths, strict=True)]
    if row.full is None:
        start = gap.join(text for _, text in cells[:2])
        room = max(12, width - len(start) - len(gap))
        return start + gap + paint(textwrap.shorten(f"– {row.reason}", room, placeholder="…"), "faint")
    return gap.join(paint(text, style) if (style := column.style(row)) else text for column, text in cells).rstrip()


def aligned(text: str, size: int, column: Column) -> str:
    """Text in its column; only names are ever too long."""
    return short_name(text, size).ljust(size) if column.left else text.rjust(size)


def summary(audit: "Audit", dropped: list[str]) -> list[str]:
    """What is known of the network as a whole."""
    matrices = [row for row in audit.rows if row.full is not None]
    normalized = sum(bool(row.covered) for row in matrices)
    lines = [f"{normalized} of {len(matrices)} weights are normalized." if matrices else "There are no weights to look at."]
    if audit.bounds is not None:
        lines += bounds_lines(audit.bounds)
    return lines + ([f"Left out for lack of room: {', '.join(dropped)}."] if dropped else [])


def bounds_lines(bounds: "Bounds") -> list[str]:
    """The bounds of the Lipschitz constant in words, and what stands in the way of one from above, by reason."""
    low = f"Lipschitz constant: at least {number(bounds.lower)} (found on samples)"
    if math.isfinite(bounds.upper) and not bounds.unknown:
        return [f"{low}, at most {number(bounds.upper)} (certified)."]
    reasons: dict[str, list[str]] = {}
    for unknown in bounds.unknown:
        place, _, why = unknown.partition(": ")
        reasons.setdefault(why, []).append(place)
    return [f"{low}; no upper bound, because of", *(f"- {listed(places)}: {why}" for why, places in reasons.items())]


def remarks(audit: "Audit", marks: dict[str, str], width: int) -> list[str]:
    """The notes: reasons that rows refer to, the meaning of signs, what could not be known."""
    methods = {row.method for row in audit.rows if row.method != "gram" or math.isinf(row.condition or 0)}
    methods |= {row.operator_method for row in audit.rows}
    notes = [f"{mark} {reason}" for reason, mark in marks.items()]
    notes += [SHARE] if any(row.share is not None for row in audit.rows) else []
    return wrapped([*notes, *(text for method, text in LEGEND.items() if method in methods), *audit.notes], width)


def warnings_of(audit: "Audit", width: int, paint: Paint) -> list[str]:
    """The warnings, those that say the same together."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for caution in audit.warnings:
        groups.setdefault((caution.trap, caution.why, caution.advice), []).append(caution.place)
    lines: list[str] = [""] if groups else []
    for (trap, why, advice), places in groups.items():
        lines += [
            paint(each, "warning") for each in textwrap.wrap(f"! {trap}: {listed(places)}", width, subsequent_indent="  ")
        ]
        lines += textwrap.wrap(why, width, initial_indent="  ", subsequent_indent="  ")
        advised = textwrap.wrap(f"→ {advice}", width, initial_indent="  ", subsequent_indent="    ")
        lines += [paint(each, "good") for each in advised]
    return lines


def listed(places: Sequence[object]) -> str:
    """The first four, and how many more."""
    return ", ".join(map(str, places[:4])) + (f" and {len(places) - 4} more" if len(places) > 4 else "")


def wrapped(lines: Sequence[str], width: int) -> list[str]:
    """The lines, broken at `width`."""
    return [part for text in lines for part in textwrap.wrap(text, width, subsequent_indent="  ")]


def number(value: float | None) -> str:
    """Four digits: `1.003`, `12.35`, `1.2e4`; a dash for what is not known.

    >>> [number(value) for value in (1.0031, 123.456, 12345.0, 0.00012, 0.0, None)]
    ['1.003', '123.5', '1.23e4', '1.2e-4', '0', '–']
    """
    if value is None or math.isnan(value):
        return "–"
    if value == 0 or math.isinf(value):
        return "0" if value == 0 else "∞"
    if 1e-3 <= abs(value) < 1e4:
        return f"{value:.{max(0, 3 - max(0, math.floor(math.log10(abs(value)))))}f}"
    return short(f"{value:.{2 if abs(value) > 1 else 1}e}")


def short(text: str) -> str:
    """Without the zeros and the plus of an exponent: `1e+06` -> `1e6`."""
    digits, _, exponent = text.partition("e")
    return f"{digits}e{int(exponent)}" if exponent else text


def by(shape: Sequence[int]) -> str:
    """`64×3×4×4`."""
    return "×".join(map(str, shape))


def thousands(count: int) -> str:
    """`1.2M`, `34.5k`, `120`."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size:
            return f"{count / size:.1f}{unit}"
    return str(count)
