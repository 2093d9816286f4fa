"""The status of a run in one line, in the order people know: where, how fast | what the players do | how good | the verdict."""

from collections.abc import Mapping
from typing import Any


def status_line(reading: Mapping[str, Any], steps: int, score: Mapping[str, Any] | None, verdict: str) -> str:
    """One line for one reading.

    >>> reading = {"step": 50, "images_seen": 3200, "time/seconds": 4.0, "speed/images_per_second": 800.0}
    >>> reading["memory/bytes"] = 2**30
    >>> status_line(reading, 2000, {"kid": 2.5, "main": "kid"}, "HEALTHY")
    'step 50/2000  3.2k images  0m04s  800 img/s  1.0 GiB | kid 2.50 | HEALTHY'
    """
    where = [
        f"step {reading['step']:.0f}/{steps}",
        f"{thousands(reading['images_seen'])} images",
        duration(reading["time/seconds"]),
        f"{reading['speed/images_per_second']:.0f} img/s",
        f"{reading['memory/bytes'] / 2**30:.1f} GiB",
    ]
    quality = f"{score['main']} {score[score['main']]:.2f}" if score else ""
    return " | ".join(part for part in ("  ".join(where), players(reading), quality, verdict) if part)


def players(reading: Mapping[str, Any]) -> str:
    """Logits of both sides, the largest singular value with its error, and diversity, as far as they were measured."""
    parts = []
    if "logit/real" in reading:
        parts.append(f"logits real {number(reading['logit/real'], '+.2f')} fake {number(reading['logit/fake'], '+.2f')}")
    sigmas = [value for name, value in reading.items() if name.startswith("sigma/D.")]
    if sigmas:
        errors = [abs(value) for name, value in reading.items() if name.startswith("sigma_error/D.")]
        parts.append(f"sigma {number(max(sigmas), '.2f')}" + (f" ±{number(100 * max(errors), '.1f')}%" if errors else ""))
    if "diversity/pairwise_ratio" in reading:
        parts.append(f"diversity {number(reading['diversity/pairwise_ratio'], '.2f')}")
    return "  ".join(parts)


def number(value: float | None, form: str) -> str:
    """A number in `form`; a missing one as a question mark."""
    return "?" if value is None else format(value, form)


def thousands(n: float) -> str:
    """A count in a few characters.

    >>> thousands(950), thousands(3200), thousands(1_280_000)
    ('950', '3.2k', '1.28M')
    """
    if n < 1000:
        return f"{n:.0f}"
    return f"{n / 1000:.3g}k" if n < 1_000_000 else f"{n / 1_000_000:.3g}M"


def duration(seconds: float) -> str:
    """Seconds as people read them.

    >>> duration(4), duration(192), duration(7260)
    ('0m04s', '3m12s', '2h01m')
    """
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest:02d}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02d}m"


def megabytes(n: float) -> str:
    """Bytes as MiB or GiB.

    >>> megabytes(3 * 2**20), megabytes(5 * 2**30)
    ('3.0 MiB', '5.0 GiB')
    """
    return f"{n / 2**20:.1f} MiB" if n < 2**30 else f"{n / 2**30:.1f} GiB"
