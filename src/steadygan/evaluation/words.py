"""Scores as people read them: as many digits as the error allows, three without one."""

import math
from collections.abc import Mapping, Sequence

ERROR = "_standard_error"  # `kid_standard_error` belongs to `kid` and is printed behind it


def told(names: Sequence[str], values: Mapping[str, float], labels: Mapping[str, str] | None = None) -> str:
    """The scores `names` in one phrase, those without a value left out; with `labels` each is named, by label or own name.

    >>> told(["kid", "kid_standard_error"], {"kid": 1.8234, "kid_standard_error": 0.0312}, {"kid": "KID"})
    'KID 1.82 ± 0.03'
    >>> told(["precision", "recall"], {"precision": 0.8125, "recall": 1.0})
    '0.812, 1'
    """
    shown = [name for name in names if name in values and not name.endswith(ERROR)]
    numbers = [number(values[name], values.get(f"{name}{ERROR}")) for name in shown]
    if labels is None:
        return ", ".join(numbers)
    return ", ".join(f"{labels.get(name, name.replace('_', ' '))} {text}" for name, text in zip(shown, numbers, strict=True))


def number(value: float, error: float | None = None) -> str:
    """A score with its standard error, to the error's first digit; without one, three significant digits.

    >>> number(0.00153, 0.00647), number(1234.5), number(0.5), number(12.0, 0.0), number(2.5e-6)
    ('0.002 ± 0.006', '1234', '0.5', '12', '2.5e-06')
    """
    if error and math.isfinite(error):
        decimals = max(0, -math.floor(math.log10(error)))
        return f"{value:.{decimals}f} ± {error:.{decimals}f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
