"""How often each rule of its own was right, on the labelled runs that the judge has learnt from."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

FEWEST = 5  # runs in which a rule spoke: of fewer nothing is said


@cache
def precision() -> dict[str, float]:
    """Rule -> share of the labelled runs in which it spoke and was right; one more that was right and one that was wrong keep
    few runs from being sure (Laplace). Rules that stand on the fused judge are not among them: their confidence is its own."""
    text = files("steadygan.diagnosis").joinpath("weights.json").read_text(encoding="utf-8")
    counts: dict[str, Any] = json.loads(text)["rules"]
    return {name: round((one["right"] + 1) / (one["of"] + 2), 3) for name, one in counts.items() if one["of"] >= FEWEST}
