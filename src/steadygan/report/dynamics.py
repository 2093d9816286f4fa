"""The charts of the training itself."""

from dataclasses import dataclass

import numpy as np

from steadygan.history import History
from steadygan.report.charts import Curve
from steadygan.report.panels import Panel, frame, panel
from steadygan.report.read import RunRecord


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
        (("logit/real", "real"), ("logit/fake", "fake"), ("logit/held_out", "held out")),
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
        "How hard each player is pushed, and, where it is measured, how much of it reaches the generated images.",
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
            ("diversity/pairwise_ratio", "pixel distance"),
            ("diversity/within_class", "within a class"),
            ("diversity/effective_rank_ratio", "effective rank"),
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
        bounds=(0.0, 0.0),
    ),
    Plot("Speed", "Images a second, all included.", (("speed/images_per_second", "images/s"),), bounds=(0.0, 0.0)),
    Plot(
        "Cost of watching",
        "Share of the loop's time that the monitor took for itself, up to each reading.",
        (("cost/monitor", "share"),),
        bounds=(0.0, 0.0),
    ),
)


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


def curve(history: History, name: str, label: str, style: int) -> Curve:
    """One series of the history as a curve."""
    return Curve(label, history.steps(name).astype(np.float64), history[name], style)
