"""What stands in each section of the page: charts, heat maps and scores of a run that was read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from steadygan.history import Floats, History
from steadygan.report.charts import Curve, Frame, Mark, line_chart
from steadygan.report.heat import Row, heat_map
from steadygan.report.read import RunRecord, is_number
from steadygan.report.words import direction, number, title


@dataclass(frozen=True)
class Panel:
    """One chart of the page.

    Attributes:
        title, note: what it shows, and how to read it in one sentence.
        svg: the picture.
        legend: (style, label, newest value) of each curve.
    """

    title: str
    note: str
    svg: Markup
    legend: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Plot:
    """A chart that is drawn where the history has one of its series: (series, label) pairs, and what the axis must hold."""

    title: str
    note: str
    series: tuple[tuple[str, str], ...]
    bounds: tuple[float, float] | None = None
    level: float | None = None


PLOTS = (
    Plot(
        "Losses",
        "They are no measure of quality; a level that runs away is what to look for.",
        (("loss/discriminator", "discriminator"), ("loss/generator", "generator")),
    ),
    Plot(
        "Logits",
        "What the discriminator says. Held-out images should stay with the real ones: if they sink, it memorizes.",
        (("logit/real", "real"), ("logit/fake", "fake"), ("logit/heldout", "held out")),
    ),
    Plot(
        "Discriminator accuracy",
        "Share of images it tells apart; one half is a coin toss. High is no fault while the samples improve.",
        (("accuracy/discriminator", "accuracy"), ("auc/discriminator", "area under curve")),
        bounds=(0.4, 1.0),
        level=0.5,
    ),
    Plot(
        "Gradient norms",
        "How hard each player is pushed, and how much of it reaches the generated images.",
        (
            ("grad_norm/discriminator", "discriminator"),
            ("grad_norm/generator", "generator"),
            ("grad_norm/fake_images", "images"),
        ),
    ),
    Plot(
        "Diversity of samples",
        "Against the same of real images: at 1 the samples differ from one another as real ones do.",
        (
            ("diversity/pixels", "pixel distance"),
            ("diversity/within_class", "within a class"),
            ("diversity/effective_rank", "effective rank"),
        ),
        bounds=(0.0, 1.1),
        level=1.0,
    ),
    Plot(
        "Spread of logits",
        "Standard deviation over a batch, and the ratio of fake to real: samples that grow alike are judged alike.",
        (("logit_std/real", "real"), ("logit_std/fake", "fake"), ("dispersion/logits", "ratio")),
    ),
    Plot(
        "Learning rates",
        "As the optimizers used them.",
        (("learning_rate/discriminator", "discriminator"), ("learning_rate/generator", "generator")),
    ),
    Plot("Speed", "Images a second, all included.", (("speed/images_per_second", "images/s"),), bounds=(0.0, 0.0)),
)

SPECTRA: tuple[tuple[str, str, str, Callable[[Floats], float], tuple[float, float] | None], ...] = (
    ("sigma", "Largest singular value", "Flat at its coefficient where spectral normalization acts.", np.max, None),
    (
        "effective_rank",
        "Effective rank",
        "Share of a layer's directions in use; a falling row is a layer that narrows.",
        np.min,
        (0, 1),
    ),
    ("condition_number", "Condition number", "Largest over smallest singular value.", np.max, None),
    ("sigma_error", "Error of the estimate", "How far power iteration is from the exact value.", np.max, None),
)
PLAYERS = {"D": "discriminator", "G": "generator"}


def frame(record: RunRecord, **more: Any) -> Frame:
    """The step axis that all charts share, with the findings on it."""
    marks = tuple(Mark(item["step"], str(item.get("severity", "info"))) for item in record.findings)
    return Frame(last_step(record), marks, **more)


def last_step(record: RunRecord) -> int:
    """The furthest step that any file speaks of."""
    steps = [
        item["step"] for item in (*record.history, *record.metrics, *record.findings, record.outcome) if is_number(item, "step")
    ]
    return int(max([*steps, *(picture.step for picture in record.samples)], default=0))


def dynamics(record: RunRecord) -> list[Panel]:
    """The charts of the training itself, those of penalties among them."""
    penalties = tuple((name, name.removeprefix("penalty/")) for name in record.history.names("penalty/"))
    penalty = Plot("Penalties", "What the stabilizers add to the discriminator's loss.", penalties[:5])
    plots = (PLOTS[0], penalty, *PLOTS[1:])
    return [panel for plot in plots if (panel := plotted(plot, record))]


def plotted(plot: Plot, record: RunRecord) -> Panel | None:
    """The chart of a plot; None where the history has none of its series."""
    found = [(name, label) for name, label in plot.series if name in record.history]
    if not found:
        return None
    curves = [curve(record.history, name, label, i + 1) for i, (name, label) in enumerate(found)]
    levels = () if plot.level is None else ((plot.level, ""),)
    return panel(plot.title, plot.note, curves, frame(record, bounds=plot.bounds, levels=levels))


def panel(name: str, note: str, curves: Sequence[Curve], frame: Frame, error: str = "") -> Panel:
    """A chart with its legend; `error` stands behind the newest values."""
    legend = tuple((f"s{curve.style}", curve.label, number(float(curve.values[-1])) + error) for curve in curves)
    return Panel(name, note, Markup(line_chart(name, curves, frame)), legend)


def curve(history: History, name: str, label: str, style: int) -> Curve:
    """One series of the history as a curve."""
    return Curve(label, history.steps(name).astype(np.float64), history[name], style)


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


def score_names(record: RunRecord) -> list[str]:
    """The scores in `metrics.jsonl`, in order; sample sizes, errors and texts are told beside them."""
    names = dict.fromkeys(name for item in record.metrics for name in item if is_number(item, name) or item[name] != item[name])
    return [name for name in names if name != "step" and not name.startswith("n_") and not name.endswith("_standard_error")]


def scores(record: RunRecord) -> list[Panel]:
    """A chart of each score over time, with its error and the real-against-real floor."""
    return [score(record, name) for name in score_names(record)]


def score(record: RunRecord, name: str) -> Panel:
    """One score over time."""
    found = [item for item in record.metrics if isinstance(item.get(name), int | float)]
    steps, values = (np.array([item[key] for item in found], dtype=np.float64) for key in ("step", name))
    errors = np.array([item.get(f"{name}_standard_error", 0.0) for item in found], dtype=np.float64)
    floor = floor_of(found[-1], name)
    levels = () if floor is None else ((floor, "floor"),)
    drawing = Curve(title(name), steps, values, 1, errors if errors.any() else None, points=True)
    plain = panel(
        title(name),
        direction(name),
        [drawing],
        frame(record, levels=levels),
        f" ± {number(errors[-1], 2)}" * bool(errors.any()),
    )
    return (
        plain
        if floor is None
        else Panel(plain.title, plain.note, plain.svg, (*plain.legend, ("floor", "real against real", number(floor))))
    )


def floor_of(item: dict[str, Any], name: str) -> float | None:
    """What the score reads for reals against reals, where it was measured."""
    floors = item.get("floor")
    return float(floors[name]) if isinstance(floors, dict) and is_number(floors, name) else None
