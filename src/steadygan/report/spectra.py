"""The heat maps of the layers' singular values."""

from collections.abc import Callable

import numpy as np
from markupsafe import Markup

from steadygan.history import Floats, History
from steadygan.report.heat import Row, heat_map
from steadygan.report.panels import Panel
from steadygan.report.read import RunRecord

SPECTRA: tuple[tuple[str, str, str, Callable[[Floats], float], tuple[float, float] | None], ...] = (
    ("sigma", "Largest singular value", "Flat at its coefficient where spectral normalization acts.", np.max, None),
    (
        "effective_rank",
        "Effective rank",
        "Share of a layer's directions in use; a falling row is a layer that narrows.",
        np.min,
        (0, 1),
    ),
    ("condition", "Condition number", "Largest over smallest singular value.", np.max, None),
    ("sigma_error", "Error of the estimate", "How far power iteration is from the exact value.", np.max, None),
)
PLAYERS = {"D": "discriminator", "G": "generator"}


def spectra(record: RunRecord) -> list[tuple[str, list[Panel]]]:
    """The heat maps of each player: (`discriminator` or `generator`, its panels)."""
    return [(name, panels) for letter, name in PLAYERS.items() if (panels := heat_maps(record.history, letter))]


def heat_maps(history: History, letter: str) -> list[Panel]:
    """The heat maps of one player, for each quantity that was recorded."""
    panels = []
    for quantity, name, note, worst, bounds in SPECTRA:
        prefix = f"{quantity}/{letter}."
        rows = [Row(n.removeprefix(prefix), history.steps(n).astype(np.float64), history[n]) for n in history.names(prefix)]
        if rows:
            panels.append(Panel(name, note, Markup(heat_map(name, rows, worst, bounds))))
    return panels
