"""Fits the weights of the fused judge to the labelled suite, and writes `weights.json` with where they come from.

    python benchmarks/doctor/fit.py [--runs DIR] [--out FILE]

Weights are those of a logistic regression, none below 0, on the readings of the part `fit`: sick ones (severity 2 and more)
against stable ones, each run counting as one whatever its length, from step 400 on. Thresholds are chosen on `fit` and `tune`
together: that of a warning is the lowest at which no more than 3% of the stable runs raise an alarm, that of a failure the
lowest at which none does, and both a little above that: without it 6 of 77 stable runs of data sets that were left out raised
an alarm, with it 2, and 110 of 115 sick ones were detected instead of 111. The part `sealed` is not read.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from store import DEFAULT

from steadygan.card.replay import speaks
from steadygan.card.runs import Stored, runs
from steadygan.diagnosis.base import Rule
from steadygan.diagnosis.course import Course
from steadygan.diagnosis.features import FEATURES
from steadygan.diagnosis.fused import Tier, raised
from steadygan.diagnosis.judge import DEFAULT_RULES

FUSED = ("oscillation", "mode_collapse", "samples_astray", "normalization_too_tight")  # their confidence is the sum's
Floats = NDArray[np.float64]
FIRST = 400  # steps before which nothing is learnt from
RIDGE = 0.02
FALSE_ALARMS = 0.03  # of stable runs
APART = 0.5  # added to the thresholds, for data unlike these
LOGITS = ("wobble", "coherence", "narrowness")
SPREAD = ("alikeness", "alikeness_rise")
CELLS = ("misfit", "misfit_rise", "lost_cells", "lost_cells_rise", "lost_recall", "churn")
TIERS = {  # a stranger's loop may know neither the averaged generator nor what its optimizers remember
    "reference": (*LOGITS, "restlessness_rise", *SPREAD, *CELLS),
    "cells": ("wobble", "narrowness", *SPREAD, *CELLS),
    "samples": (*LOGITS, "restlessness_rise", *SPREAD),
    "spread": ("wobble", "narrowness", *SPREAD),
    "logits": ("wobble", "narrowness"),
}
OUT = Path(__file__).parents[2] / "src/steadygan/diagnosis/weights.json"


@dataclass(frozen=True)
class Run:
    """A labelled run: its course, severity by reading, and what it is: a run that something was done to is never `stable`."""

    course: Course
    severity: NDArray[np.int64]
    state: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=DEFAULT)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    of_fit, of_tune = (list(runs(options.runs, part=part)) for part in ("fit", "tune"))
    fit = [labelled(one) for one in of_fit]
    both = fit + [labelled(one) for one in of_tune]
    fitted = [tier(name, features, fit, both) for name, features in TIERS.items()]
    counts = {state: sum(one.state == state for one in both) for state in ("stable", "sick", "undecided")}
    rules = {rule.name: counted(rule, of_fit + of_tune) for rule in DEFAULT_RULES if rule.name not in FUSED and rule.verdict}
    said = {"made by": "benchmarks/doctor/fit.py", "date": str(date.today()), "runs of fit and tune": counts}
    options.out.write_text(json.dumps({"provenance": said, "rules": rules, "tiers": fitted}, indent=1) + "\n")
    print(f"{counts}; written to {options.out}")


def counted(rule: Rule, those: list[Stored]) -> dict[str, int]:
    """In how many runs a rule of its own spoke, and in how many of them it was right; of undecided runs those where it was."""
    spoke = [one for one in those if speaks(rule, Course(one.history)).any()]
    right = [rule.verdict in one.right for one in spoke if one.truth.state != "undecided" or rule.verdict in one.right]
    return {"right": sum(right), "of": len(right)}


def labelled(one: Stored) -> Run:
    """A stored run as it is learnt from."""
    state = "undecided" if one.truth.state == "stable" and not one.stable else one.truth.state
    return Run(Course(one.history), np.array(one.truth.severity), state)


def tier(name: str, features: tuple[str, ...], fit: list[Run], both: list[Run]) -> dict[str, Any]:
    """One tier as `weights.json` holds it."""
    values, sick, share = readings(fit, lambda course: np.stack([course.made(FEATURES[name]) for name in features], 1))
    weights, bias = logistic(values, sick, share)
    usual = {feature: round(float(np.quantile(values[~sick, i], 0.95)), 4) for i, feature in enumerate(features)}
    kept = {feature: round(float(weight), 4) for feature, weight in zip(features, weights, strict=True) if weight > 1e-3}
    draft = Tier(name, kept, {one: usual[one] for one in kept}, round(bias, 4), 0.0, 0.0, ())
    warning, failure = (round(threshold(draft, both, allowed) + APART, 2) for allowed in (FALSE_ALARMS, 0.0))
    print(f"{name}: {kept} bias {bias:.2f}, warning {warning:.2f}, failure {failure:.2f}")
    sums, sick, share = readings(both, lambda course: draft.suspicion(course)[:, None])
    thresholds = {"warning": warning, "failure": max(failure, warning)}
    return {**vars(draft), **thresholds, "precision": precision(sums[:, 0], sick, share, warning)}


def readings(those: list[Run], look: Callable[[Course], Floats]) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """(what is seen [N, F], whether sick [N], weight [N] so that each run counts as one) of all readings that are either."""
    rows, sick, share = [], [], []
    for run in those:
        values = look(run.course)
        known = np.isfinite(values).all(1) & (run.course.steps >= FIRST)
        for label, chosen in ((True, known & (run.severity >= 2)), (False, known & (run.severity == 0))):
            rows.append(values[chosen])
            sick.append(np.full(chosen.sum(), label))
            share.append(np.full(chosen.sum(), 1 / max(chosen.sum(), 10)))
    return np.concatenate(rows), np.concatenate(sick), np.concatenate(share)


def logistic(values: Floats, sick: NDArray[np.bool_], share: Floats) -> tuple[Floats, float]:
    """Weights, none below 0, and bias: both classes weigh the same."""
    centre, spread = values.mean(0), values.std(0) + 1e-9
    scaled = (values - centre) / spread
    share = np.where(sick, share / share[sick].sum(), share / share[~sick].sum())

    def loss(parameters: Floats) -> tuple[float, Floats]:
        z = scaled @ parameters[1:] + parameters[0]
        slope = (1 / (1 + np.exp(-z)) - sick) * share
        value = float((share * np.where(sick, np.logaddexp(0, -z), np.logaddexp(0, z))).sum())
        gradient = np.concatenate([[slope.sum()], scaled.T @ slope + 2 * RIDGE * parameters[1:]])
        return value + RIDGE * float((parameters[1:] ** 2).sum()), gradient

    start, bounds = np.zeros(values.shape[1] + 1), [(None, None), *[(0, None)] * values.shape[1]]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    weights = found[1:] / spread
    return weights, float(found[0] - weights @ centre)


def threshold(draft: Tier, those: list[Run], allowed: float) -> float:
    """The lowest threshold at which no more than the allowed share of the stable runs raise an alarm."""
    stable = [run.course for run in those if run.state == "stable"]
    for candidate in np.arange(-3, 8, 0.05):
        if np.mean([raised(course, draft.suspicion(course) - candidate).any() for course in stable]) <= allowed:
            return round(float(candidate), 2)
    return 8.0


def precision(sums: Floats, sick: NDArray[np.bool_], share: Floats, warning: float) -> list[tuple[float, float]]:
    """(sum, share of the readings with at least that sum that were sick), rising from the warning up; one run counts as one,
    and two more that were right and wrong, so that few runs are never sure (Laplace)."""
    found: list[tuple[float, float]] = []
    for at in np.arange(warning, warning + 6, 0.5):
        above = sums >= at
        right = round(float((share[above & sick].sum() + 1) / (share[above].sum() + 2)), 3)
        if not found or right > found[-1][1]:
            found.append((round(float(at), 2), right))
    return found


if __name__ == "__main__":
    main()
