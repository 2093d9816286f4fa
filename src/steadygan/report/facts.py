"""The words and numbers of the page: verdict, facts, protocol."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from steadygan.report.read import RunRecord, is_number
from steadygan.report.scores import floor_of
from steadygan.report.words import duration, number, size, title


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


def verdict(record: RunRecord) -> Verdict:
    """The verdict that the run wrote down; the page does not judge."""
    word = str(record.outcome.get("verdict", ""))
    step = f"{record.last_step:,}"
    if not word:
        return Verdict("NO VERDICT YET", "wait", "The run is still going, or ended without writing its outcome.")
    if word == "HEALTHY":
        n = len({item.get("rule") for item in record.findings})
        past = f" {n} finding{'s' * (n > 1)} on the way did not last." if n else ""
        stopped = " It was stopped before its last step." if record.outcome.get("interrupted") is True else ""
        return Verdict(word, "good", f"Nothing speaks against this run at step {step}.{past}{stopped}")
    if word == "WARMING-UP":
        return Verdict(
            word, "wait", f"Too early to tell at step {step}: there are too few readings, or samples have yet to spread."
        )
    candidates = [item for item in (*record.findings, *record.endings) if item.get("verdict") == word]
    found = candidates[-1] if candidates else {}
    tone = "failure" if found.get("severity", "failure") == "failure" else "warning"
    return Verdict(word, tone, str(found.get("reason", "No finding explains it.")), str(found.get("advice", "")))


def facts(record: RunRecord) -> list[Fact]:
    """The numbers at the top, as far as they are known."""
    return [fact for fact in (*progress(record), best(record), seed(record)) if fact]


def progress(record: RunRecord) -> Iterator[Fact | None]:
    """How far the run came, and how fast."""
    history, outcome, step = record.history, record.outcome, record.last_step
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
