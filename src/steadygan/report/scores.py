"""The scores over time, and how they were computed."""

from typing import Any

import numpy as np

from steadygan.report.charts import Curve
from steadygan.report.panels import Panel, frame, panel
from steadygan.report.read import RunRecord, is_number
from steadygan.report.words import direction, number, title


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
    errors = np.array([error_of(item, name) for item in found])
    floor = floor_of(found[-1], name)
    curve = Curve(title(name), steps, values, 1, errors if errors.any() else None, points=True)
    told = f" ± {number(errors[-1], 2)}" if errors.any() else ""
    if floor is None:
        return panel(title(name), direction(name), [curve], frame(record), told)
    real = (("floor", "real against real", number(floor)),)
    return panel(title(name), direction(name), [curve], frame(record, levels=((floor, "floor"),)), told, real)


def error_of(item: dict[str, Any], name: str) -> float:
    """The standard error beside a score; 0 where there is none."""
    key = f"{name}_standard_error"
    return float(item[key]) if is_number(item, key) else 0.0


def floor_of(item: dict[str, Any], name: str) -> float | None:
    """What the score reads for reals against reals, where it was measured."""
    floors = item.get("floor")
    return float(floors[name]) if isinstance(floors, dict) and is_number(floors, name) else None


def score_protocol(record: RunRecord) -> str:
    """In what way the newest scores were computed, in one sentence or two."""
    if not record.metrics:
        return ""
    item = record.metrics[-1]
    sides = (("n_fake", "samples"), ("n_real", "real images"))
    counts = " against ".join(f"{number(item[key])} {what}" for key, what in sides if is_number(item, key))
    extractor = f"in the features of {item['extractor']}" if item.get("extractor") else ""
    told = " ".join(part for part in (counts, extractor) if part)
    fewer = is_number(item, "n_floor") and item["n_floor"] != item.get("n_fake")
    n = f"n = {number(item['n_floor'])}" if fewer else "equal n"
    floor = f" The dashed line is what real images read against other real images at {n}, so the best there is to hope for."
    return f"{told[:1].upper()}{told[1:]}." * bool(told) + floor * bool(item.get("floor"))
