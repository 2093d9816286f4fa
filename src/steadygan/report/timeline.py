"""The findings of a run on its time line."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from steadygan.report.read import RunRecord
from steadygan.report.scales import Scale
from steadygan.report.words import number, short

SEVERITIES = ("info", "warning", "failure")


@dataclass(frozen=True)
class Episode:
    """All findings of one rule.

    Attributes:
        verdict, reason, advice: of the last one, which tells most.
        severity: the worst.
        marks: (per cent of the step axis, severity, step) of each.
        until_end: whether it still held when the run ended.
        when: the steps in words.
    """

    verdict: str
    reason: str
    advice: str
    severity: str
    marks: tuple[tuple[float, str, str], ...]
    until_end: bool
    when: str
    evidence: tuple[tuple[str, str, str, str], ...]


def timeline(record: RunRecord) -> list[Episode]:
    """The findings, one episode a rule, in the order in which they came."""
    rules: dict[str, list[dict[str, Any]]] = {}
    for item in record.findings:
        rules.setdefault(rule_of(item), []).append(item)
    return [episode(record, rule, found) for rule, found in rules.items()]


def episode(record: RunRecord, rule: str, found: list[dict[str, Any]]) -> Episode:
    """All findings of one rule as one episode."""
    across = Scale(0, max(record.last_step, 1), 0, 100)
    marks = tuple((round(across(item["step"]), 2), severity(item), f"{item['step']:,}") for item in found)
    until_end = any(rule_of(item) == rule for item in record.endings)
    worst = max((severity(item) for item in found), key=SEVERITIES.index)
    verdict, reason, advice = (str(found[-1].get(key, "")) for key in ("verdict", "reason", "advice"))
    when = in_words([step for _, _, step in marks])
    return Episode(verdict, reason, advice, worst, marks, until_end, when, evidence(found[-1]))


def rule_of(item: Mapping[str, Any]) -> str:
    """The rule that found it."""
    return str(item.get("rule", item.get("verdict", "")))


def in_words(steps: list[str]) -> str:
    """`step 100`, or `steps 100, 200, 300 and 2 more`."""
    more = f" and {len(steps) - 3} more" if len(steps) > 3 else ""
    return f"step {steps[0]}" if len(steps) == 1 else f"steps {', '.join(steps[:3])}{more}"


def severity(item: Mapping[str, Any]) -> str:
    """The severity of a finding; `info` where the file has none that we know."""
    return item["severity"] if item.get("severity") in SEVERITIES else "info"


def evidence(item: Mapping[str, Any]) -> tuple[tuple[str, str, str, str], ...]:
    """(series, value, threshold, steps) of each piece of evidence."""
    pieces = item.get("evidence")
    named = pieces.items() if isinstance(pieces, dict) else ()
    known = [{**piece, "series": series} for series, piece in named if isinstance(piece, dict)]
    return tuple(tuple(number(piece.get(key, "")) for key in ("series", "value", "threshold", "window")) for piece in known)  # type: ignore[misc]


def axis(record: RunRecord) -> list[tuple[float, str]]:
    """The ticks of the time line: (per cent, label)."""
    across = Scale(0, max(record.last_step, 1), 0, 100)
    return [(round(across(tick), 2), short(tick)) for tick in across.ticks(6)]
