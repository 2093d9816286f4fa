"""What was done, in a form that lets somebody do it again: arms, settings, metrics, sample sizes, machine."""

import json
from collections.abc import Iterator
from typing import Any

import yaml

from steadygan import yaml12
from steadygan.report.facts import flattened
from steadygan.report.words import duration, number
from steadygan.study.measures import Measure
from steadygan.study.place import StudyDirectory
from steadygan.study.report import words
from steadygan.study.report.sheets import Sheet
from steadygan.study.study import Changes, Study
from steadygan.study.table import Table

SIZES = (("n_fake", "samples"), ("n_real", "real ones"), ("n_floor", "in the floor"))


def protocol(table: Table, place: StudyDirectory) -> list[tuple[str, str]]:
    """(what, value) of everything that is one line."""
    study, complete = table.study, table.complete
    seconds, wall = (sum(r.cost.get(key, 0.0) for r in complete.results.values()) for key in ("cpu_seconds", "seconds"))
    time = f"{duration(seconds)} in {words.counted(len(complete.results), 'cell')}, {duration(wall)} of their wall time"
    found = [
        ("study", " ".join(filter(None, (study.name, study.tier and f"tier {study.tier}")))),
        ("seeds", words.numbers(study.seeds)),
        ("steps", steps(table)),
        ("base", "; ".join(assigned(study.base))),
        ("command of a cell", " ".join(study.command)),
        ("data", data(table, place)),
        ("scored on", "; ".join(scored(table))),
        ("runs ended as", verdicts(table)),
        ("processor time", time if seconds else ""),
        *machine(table, place),
    ]
    return [(what, value) for what, value in found if value]


def steps(table: Table) -> str:
    """How many steps a cell took."""
    found = sorted({result.step for result in table.complete.results.values() if result.state == "finished"})
    return " to ".join(f"{step:,}" for step in dict.fromkeys((found[0], found[-1]))) if found else ""


def assigned(changes: Changes) -> list[str]:
    """What a base, an arm or a setting decides, as assignments."""
    begins = [f"{key}={value}" for key in ("data", "recipe") if (value := getattr(changes, key))]
    return [*begins, *changes.set]


def data(table: Table, place: StudyDirectory) -> str:
    """What was trained on, as a cell's own config has it; else as the base names it."""
    for cell in table.complete.results:
        try:
            found = yaml12.read((place.cells / cell.id / "config.yaml").read_text(encoding="utf-8"))["data"]
        except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
            continue
        return ", ".join(f"{key}={value}" for key, value in flattened(found)) if isinstance(found, dict) else str(found)
    return table.study.base.data or ""


def scored(table: Table) -> list[str]:
    """How the scores were computed: samples, references, and whose features."""
    rows = (result.scores[-1] for result in table.complete.results.values() if result.scores)
    return list(dict.fromkeys(filter(None, map(scored_by, rows))))


def scored_by(row: dict[str, Any]) -> str:
    """How one row of scores was computed."""
    sizes = [f"{number(row[key])} {what}" for key, what in SIZES if isinstance(row.get(key), int)]
    extractor = f"features: {row['extractor']}" if row.get("extractor") else ""
    return ", ".join(filter(None, (*sizes, extractor)))


def verdicts(table: Table) -> str:
    """How many runs ended with which verdict of the monitor."""
    found = [result.verdict for result in table.complete.results.values() if result.verdict]
    return ", ".join(f"{found.count(word):,} {word}" for word in sorted(set(found)))


def machine(table: Table, place: StudyDirectory) -> Iterator[tuple[str, str]]:
    """Where the cells ran."""
    found: dict[str, list[tuple[str, str]]] = {}
    for cell in table.complete.results:
        try:
            environment = json.loads((place.cells / cell.id / "environment.json").read_text(encoding="utf-8"))
            told = [
                (key, number(value))
                for key, value in flattened(environment)
                if not key.startswith("choice.") and value not in ("", None)
            ]
        except (OSError, ValueError, AttributeError):
            continue
        found[json.dumps(told)] = told
    if len(found) > 1:
        yield "machines", f"{len(found)} different ones; the first is told"
    yield from next(iter(found.values()), [])


def arm_sheet(study: Study) -> Sheet:
    """The arms as assignments."""
    rows = tuple((arm, "\n".join(assigned(changes)) or "as the base") for arm, changes in study.arms.items())
    note = f"Each is the base with these changes; {study.compared_with!r} is the reference."
    return Sheet("Arms", note, ("arm", "changes"), rows, code={0, 1})


def setting_sheet(study: Study) -> Sheet:
    """The settings as assignments."""
    rows = tuple((setting, "\n".join(assigned(changes)) or "as the arm") for setting, changes in study.settings.items())
    return Sheet("Settings", "Each arm is run with these changes on top.", ("setting", "changes"), rows, code={0, 1})


def metric_sheet(study: Study) -> Sheet:
    """The metrics: what they read, which way is better, what counts as a failure."""
    rows = tuple(
        (name, reads(each), ("higher" if each.higher_is_better else "lower") if each.judges else "neither", fails(each))
        for name, each in study.metrics.items()
    )
    note = "The first is the main one. A cell that diverged, or has no such number, fails by it too."
    return Sheet("Metrics", note, ("metric", "reads", "better", "a cell fails"), rows, code={0})


def reads(measure: Measure) -> str:
    """What a metric reads."""
    after = f", after step {measure.after:,}" * bool(measure.after)
    if measure.of.startswith("cost/"):
        return measure.of
    if measure.reach is not None:
        goal = f"{measure.of} is {'at least' if measure.rising else 'at most'} {number(measure.reach)}"
        return f"{measure.at} at which {goal}{after}"
    return f"{measure.of}, {measure.at} reading{after}"


def fails(measure: Measure) -> str:
    """When a cell fails by a metric, beyond having no number."""
    ways = [f"below {number(measure.fails_below)}"] if measure.fails_below is not None else []
    ways += [f"above {number(measure.fails_above)}"] if measure.fails_above is not None else []
    return " or ".join([*ways, *["if it never gets there"] * (measure.reach is not None)]) or words.NONE
