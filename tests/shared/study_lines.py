"""The cells of the tiny study, and the lines of a file of results."""

import json

from steadygan.study.cells import Cell

A0, B0, A1, B1 = (Cell(arm, "as-is", seed) for seed in (0, 1) for arm in ("none", "sn"))


def lines(path):
    """The cells in results.jsonl, in order."""
    return [json.loads(line) for line in (path / "results.jsonl").read_text().splitlines()]


def ids(path):
    """Their names."""
    return [f"{each['arm']}.{each['setting']}.{each['seed']}" for each in lines(path)]
