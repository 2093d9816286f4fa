"""Outcome: how a run ended."""

from dataclasses import dataclass
from typing import Any

from steadygan.diagnosis.base import Finding


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        verdict: the headline, such as HEALTHY or DIVERGENCE.
        best: step, metric and value of the best score; None where nothing was scored.
        interrupted: it was asked to stop before its last step.
        stopped_by: the verdict that ended it early, as `on_finding` asked; None for a run that came to its own end.
    """

    path: str
    verdict: str
    step: int
    images_seen: int
    seconds: float
    best: dict[str, Any] | None
    findings: tuple[Finding, ...]
    interrupted: bool
    stopped_by: str | None = None

    @property
    def exit_code(self) -> int:
        """0 for a run that ended well, 3 where it ended in a failure verdict, 130 where it was interrupted."""
        if self.interrupted:
            return 130
        return 3 if self.stopped_by or any(finding.severity == "failure" for finding in self.findings) else 0
