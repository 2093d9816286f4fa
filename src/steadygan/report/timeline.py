"""The findings of a run on its time line."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from steadygan.diagnosis.base import ORIGINS, Cause
from steadygan.diagnosis.remedy import told as remedy
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
        when: the steps in words; `since`: when it began, where that is known and earlier.
        go_back: the checkpoint to go back to, or empty.
        confidence: in words, or empty; `causes`: (name, signs, remedy) of each, the likeliest first.
        evidence: (series, value, threshold, where that is from, steps) of each number.
    """

    verdict: str
    reason: str
    advice: str
    severity: str
    marks: tuple[tuple[float, str, str], ...]
    until_end: bool
    when: str
    since: str
    go_back: str
    confidence: str
    causes: tuple[tuple[str, str, str], ...]
    evidence: tuple[tuple[str, ...], ...]


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
    told = (since(found[-1]), str(found[-1].get("go_back", "")), confidence(found[-1]), causes(found[-1]), evidence(found[-1]))
    return Episode(verdict, reason, advice, worst, marks, until_end, when, *told)


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


def since(item: Mapping[str, Any]) -> str:
    """The step at which it began, where it was found later than that."""
    value = item.get("since")
    return f"{value:,}" if isinstance(value, int) and value < item["step"] else ""


def confidence(item: Mapping[str, Any]) -> str:
    """How often so much evidence was right, in words."""
    value = item.get("confidence")
    return f"right in {value:.0%} of the labelled runs" if isinstance(value, float) and 0 <= value <= 1 else ""


def causes(item: Mapping[str, Any]) -> tuple[tuple[str, str, str], ...]:
    """(name, what speaks for it, remedy) of each cause."""
    listed = item.get("causes")
    known = [cause for cause in listed if isinstance(cause, dict)] if isinstance(listed, list) else []
    read = map(cause, known)
    return tuple((one.name, one.reason, remedy(one)) for one in read)


def cause(item: Mapping[str, Any]) -> Cause:
    """A cause as it was written down, as far as it can be read."""
    listed = item.get("settings")
    settings = tuple(map(str, listed)) if isinstance(listed, list) else ()
    return Cause(str(item.get("name", "")), str(item.get("reason", "")), str(item.get("advice", "")), settings)


def evidence(item: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    """(series, value, threshold, where that is from, steps) of each piece of evidence."""
    pieces = item.get("evidence")
    named = pieces.items() if isinstance(pieces, dict) else ()
    return tuple(in_cells(series, piece) for series, piece in named if isinstance(piece, dict))


def in_cells(series: str, piece: Mapping[str, Any]) -> tuple[str, ...]:
    """One piece of evidence as a row of a table; no steps where it is of a single reading."""
    value, threshold, window = (number(piece.get(key, "")) for key in ("value", "threshold", "window"))
    origin = str(piece.get("origin", ""))
    return str(series), value, threshold, ORIGINS.get(origin, origin), "" if window == "0" else window


def axis(record: RunRecord) -> list[tuple[float, str]]:
    """The ticks of the time line: (per cent, label)."""
    across = Scale(0, max(record.last_step, 1), 0, 100)
    return [(round(across(tick), 2), short(tick)) for tick in across.ticks(6)]
