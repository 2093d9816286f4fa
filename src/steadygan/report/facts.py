"""The words and numbers of the page: verdict, facts, findings on their time line, protocol."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from steadygan.report.read import RunRecord, is_number
from steadygan.report.scales import Scale
from steadygan.report.sections import floor_of, last_step
from steadygan.report.words import duration, number, short, size, title

SEVERITIES = ("info", "warning", "failure")


@dataclass(frozen=True)
class Verdict:
    """The headline: its word, its tone (`good`, `wait`, `warning`, `failure`), and what it rests on."""

    word: str
    tone: str
    sentence: str
    advice: str = ""


@dataclass(frozen=True)
class Fact:
    """One number at the top of the page."""

    label: str
    value: str
    detail: str = ""


@dataclass(frozen=True)
class Episode:
    """All findings of one rule.

    Attributes:
        newest: the last one, which tells most.
        severity: the worst.
        marks: (per cent of the step axis, severity, step) of each.
        until_end: whether it still held when the run ended.
        when: the steps in words.
    """

    newest: Mapping[str, Any]
    severity: str
    marks: tuple[tuple[float, str, str], ...]
    until_end: bool
    when: str
    evidence: tuple[tuple[str, str, str, str], ...]


def verdict(record: RunRecord) -> Verdict:
    """The verdict that the run wrote down; the page does not judge."""
    word = str(record.outcome.get("verdict", ""))
    step = f"{last_step(record):,}"
    if not word:
        return Verdict("NO VERDICT YET", "wait", "The run is still going, or ended without writing its outcome.")
    if word == "HEALTHY":
        n = len({item.get("rule") for item in record.findings})
        past = f" {n} finding{'s' * (n > 1)} on the way did not last." if n else ""
        return Verdict(word, "good", f"Nothing speaks against this run at step {step}.{past}")
    if word == "WARMING-UP":
        return Verdict(
            word, "wait", f"Too early to tell at step {step}: there are too few readings, or samples have yet to spread."
        )
    candidates = [item for item in (*record.findings, *endings(record)) if item.get("verdict") == word]
    found = candidates[-1] if candidates else {}
    tone = "failure" if found.get("severity", "failure") == "failure" else "warning"
    return Verdict(word, tone, str(found.get("reason", "No finding explains it.")), str(found.get("advice", "")))


def endings(record: RunRecord) -> list[dict[str, Any]]:
    """The findings that still held when the run ended."""
    found = record.outcome.get("findings")
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list | tuple) else []


def facts(record: RunRecord) -> list[Fact]:
    """The numbers at the top, as far as they are known."""
    return [fact for fact in (*progress(record), best(record), seed(record)) if fact]


def progress(record: RunRecord) -> Iterator[Fact | None]:
    """How far the run came, and how fast."""
    history, outcome, step = record.history, record.outcome, last_step(record)
    planned = record.config.get("steps")
    yield Fact("Steps", f"{step:,}", f"of {planned:,}" if isinstance(planned, int) and planned != step else "")
    images = outcome.get("images_seen", history.last("images_seen"))
    yield Fact("Images seen", number(images)) if isinstance(images, int | float) else None
    seconds, speed = outcome.get("seconds", history.last("time/seconds")), history.last("speed/images_per_second")
    pace = f"{number(round(speed))} images/s" if speed is not None and speed == speed else ""
    yield Fact("Time", duration(seconds), pace) if isinstance(seconds, int | float) and seconds == seconds else None
    memory = history.last("memory/bytes")
    yield Fact("Memory", size(memory)) if memory is not None and memory == memory else None


def best(record: RunRecord) -> Fact | None:
    """The best score and where it was reached, with its floor."""
    found = record.outcome.get("best")
    if not isinstance(found, dict) or not is_number(found, "value"):
        return None
    name = str(found.get("metric", "score"))
    floors = [floor for item in record.metrics if (floor := floor_of(item, name)) is not None]
    detail = f"at step {number(found.get('step', ''))}" + (f", floor {number(floors[-1])}" if floors else "")
    return Fact(f"Best {title(name)}", number(found["value"]), detail)


def best_step(record: RunRecord) -> int:
    """The step of the best score; -1 where there is none."""
    found = record.outcome.get("best")
    return int(found["step"]) if isinstance(found, dict) and is_number(found, "step") else -1


def seed(record: RunRecord) -> Fact | None:
    """The seed and the recipe."""
    if "seed" not in record.config:
        return None
    return Fact("Seed", number(record.config["seed"]), f"recipe {record.config['recipe']}" if "recipe" in record.config else "")


def score_protocol(record: RunRecord) -> str:
    """In what way the newest scores were computed, in one sentence or two."""
    if not record.metrics:
        return ""
    item = record.metrics[-1]
    counts = [
        f"{number(item[key])} {what}"
        for key, what in (("n_fake", "samples"), ("n_real", "real images"))
        if is_number(item, key)
    ]
    extractor = f"in the features of {item['extractor']}" if item.get("extractor") else ""
    told = " ".join(part for part in (" against ".join(counts), extractor) if part)
    floor = "The dashed line is what real images read against other real images at equal n, so the best there is to hope for."
    return f"{told[:1].upper()}{told[1:]}." * bool(told) + (f" {floor}" if isinstance(item.get("floor"), dict) else "")


def timeline(record: RunRecord) -> list[Episode]:
    """The findings, one episode a rule, in the order in which they came."""
    rules = dict.fromkeys(str(item.get("rule", item.get("verdict", ""))) for item in record.findings)
    return [
        episode(record, rule, [item for item in record.findings if str(item.get("rule", item.get("verdict", ""))) == rule])
        for rule in rules
    ]


def episode(record: RunRecord, rule: str, found: list[dict[str, Any]]) -> Episode:
    """All findings of one rule as one episode."""
    across = Scale(0, max(last_step(record), 1), 0, 100)
    marks = tuple((round(across(item["step"]), 2), severity(item), f"{item['step']:,}") for item in found)
    until_end = any(str(item.get("rule")) == rule for item in endings(record))
    steps = [f"{item['step']:,}" for item in found]
    when = (
        f"step {steps[0]}"
        if len(steps) == 1
        else f"steps {', '.join(steps[:3])}" + f" and {len(steps) - 3} more" * (len(steps) > 3)
    )
    worst = max((severity(item) for item in found), key=SEVERITIES.index)
    return Episode(found[-1], worst, marks, until_end, when, evidence(found[-1]))


def severity(item: Mapping[str, Any]) -> str:
    """The severity of a finding; `info` where the file has none that we know."""
    return item["severity"] if item.get("severity") in SEVERITIES else "info"


def evidence(item: Mapping[str, Any]) -> tuple[tuple[str, str, str, str], ...]:
    """(series, value, threshold, steps) of each piece of evidence."""
    pieces = item.get("evidence")
    known = [piece for piece in pieces if isinstance(piece, dict)] if isinstance(pieces, list) else []
    return tuple(tuple(number(piece.get(key, "")) for key in ("series", "value", "threshold", "window")) for piece in known)  # type: ignore[misc]


def axis(record: RunRecord) -> list[tuple[float, str]]:
    """The ticks of the time line: (per cent, label)."""
    across = Scale(0, max(last_step(record), 1), 0, 100)
    return [(round(across(tick), 2), short(tick)) for tick in across.ticks(6)]


def protocol(record: RunRecord) -> list[tuple[str, str]]:
    """(key, value) of everything the run wrote down about where it ran."""
    return [(key, number(value)) for key, value in flattened(record.environment) if value not in ("", None, [], {})]


def flattened(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and plain values of nested mappings and lists."""
    for key, item in value.items():
        if isinstance(item, Mapping):
            yield from flattened(item, f"{prefix}{key}.")
        elif isinstance(item, list) and any(isinstance(one, Mapping) for one in item):
            yield from flattened({str(i): one for i, one in enumerate(item)}, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", ", ".join(map(str, item)) if isinstance(item, list) else item


def repeat(record: RunRecord) -> str:
    """The command that repeats the run; empty without a config."""
    return f"steadygan train --config {record.name}/config.yaml --out {record.name}-again" if record.config else ""
