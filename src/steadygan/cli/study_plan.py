"""What a study will take, as a person reads it."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from steadygan.status import duration, megabytes

if TYPE_CHECKING:
    from steadygan.study.estimate import Estimate
    from steadygan.study.study import Study


def show_plan(study: "Study", made: "Estimate", as_json: bool = False) -> None:
    """Print arms, settings, cells, time and disk."""
    from rich.table import Table

    from steadygan.cli.console import console_for

    if as_json:
        print(json.dumps(plain(study, made)))
        return
    console = console_for()
    console.print(f"[bold]{study.name}[/bold]{f' (tier {study.tier})' * bool(study.tier)}", highlight=False)
    if study.title:
        console.print(study.title.strip(), highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("arm", no_wrap=True)
    table.add_column("time", justify="right")
    table.add_column("what it changes", overflow="fold")
    for arm, changes in study.arms.items():
        taken = duration(made.seconds[arm]) if arm in made.seconds else "-"
        table.add_row(arm, taken, ", ".join(changes.set) or changes.recipe or "nothing")
    console.print(table)
    for line in lines(study, made):
        console.print(line, highlight=False, markup=False)


def lines(study: "Study", made: "Estimate") -> Iterator[str]:
    """What the plan says below its table."""
    settings, seeds = len(study.settings), len(study.seeds)
    fewer = len(study.arms) * settings * seeds - made.cells
    product = f"{len(study.arms)} arms x {settings} settings x {seeds} seeds" + f" less {fewer} left out" * bool(fewer)
    yield f"\n{product} = {made.cells} cells, {made.left} of them to be run"
    whole = sum(made.seconds.values())
    if made.seconds:
        on = "GPU" if made.device == "cuda" else "processor"
        pairs = f"steps of {made.timed} pairs of arm and setting timed here"
        yield f"about {duration(whole)} of {on} time, {duration(whole / 2)} with two workers ({pairs}; give or take a half)"
    elif made.untimed:
        yield f"time: not known ({made.untimed})"
    yield f"about {megabytes(made.disk)} of disk" if made.disk else "disk: not known"
    for rule in study.rules:
        yield f"rule: {rule}"
    from steadygan.study.enough import least_seeds

    if seeds < (enough := least_seeds(study)):
        told = f"{seeds} seeds are too few for all rules to be upheld, whatever they show"
        yield f"{told}: after correction for so many that takes --seeds {enough}"
    for left in study.leave_out:
        yield f"left out: {left.arm} at {'every setting' if left.setting == '*' else left.setting}: {left.why}"
    for (arm, setting), why in made.impossible.items():
        yield f"impossible: {arm} at {setting}: {why}"


def plain(study: "Study", made: "Estimate") -> dict[str, object]:
    """As JSON takes it."""
    return {
        "study": study.name,
        "tier": study.tier,
        "cells": made.cells,
        "left": made.left,
        "seconds": made.seconds,
        "disk_bytes": made.disk or None,
        "timed_pairs": made.timed,
        "not_timed": made.untimed,
        "device": made.device,
        "impossible": [{"arm": arm, "setting": setting, "why": why} for (arm, setting), why in made.impossible.items()],
    }
