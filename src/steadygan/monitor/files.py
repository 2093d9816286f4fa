"""Files: a run directory that a monitor writes. It holds what a run of our own holds, as far as a monitor knows it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from steadygan.diagnosis.base import Finding
from steadygan.diagnosis.verdict import Verdict
from steadygan.directory import RunDirectory, append, cut_back, write_json
from steadygan.environment import environment
from steadygan.errors import UsageError
from steadygan.history import History

OUTCOME_AGE = 10.0  # seconds after which a verdict that has not changed is written again


class Files:
    """The files in one directory. It may hold other files; a run of our own, or of another program, is refused.

    Args:
        path: the directory; made where it is missing.
        settings: of the monitor, written beside the versions.

    Raises:
        UsageError: it is taken, or cannot be written to.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.directory = RunDirectory(path)
        self._says: object = None  # the gist of the outcome that is written, and when it was
        self._then = 0.0
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._check_ours()
            write_json(self.directory.environment, {**environment(), "monitor": dict(settings)})
            self.cut_back(None)
        except OSError as error:
            raise UsageError(f"{path}: cannot be written to ({error.strerror})", "name another out") from None

    def _check_ours(self) -> None:
        here = self.directory
        taken = [file.name for file in (here.environment, here.history, here.findings, here.outcome) if file.exists()]
        if taken and not written_by_a_monitor(here.environment):
            problem = f"{here.path}: there is a run here that no monitor wrote ({', '.join(taken)})"
            raise UsageError(problem, "name another out")

    def cut_back(self, step: int | None) -> None:
        """Drop what lies after `step`; None drops nothing but a last line that a crash cut short."""
        for path in (self.directory.history, self.directory.findings):
            try:
                cut_back(path, 2**63 if step is None else step)
            except (ValueError, KeyError, TypeError):
                raise UsageError(f"{path}: damaged", "mend or remove it, or name another out") from None

    def history(self) -> History:
        """What was written so far."""
        return History.read(self.directory.history)

    def add(self, reading: Mapping[str, float], news: list[Finding]) -> None:
        """Add a reading and the findings that are new."""
        append(self.directory.history, reading)
        for finding in news:
            append(self.directory.findings, finding.as_dict())

    def put_down(self, verdict: Verdict, now: float | None = None) -> None:
        """Write the verdict as the run's outcome so far. With `now`, in seconds, one that says the same waits its time."""
        says = (verdict.word, [(finding.rule, finding.severity) for finding in verdict.findings])
        if now is not None and says == self._says and now < self._then + OUTCOME_AGE:
            return
        write_json(self.directory.outcome, verdict.as_dict())
        self._says, self._then = says, now or 0.0


def written_by_a_monitor(environment: Path) -> bool:
    """Whether the file that tells where a run was made tells of a monitor."""
    try:
        found = json.loads(environment.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and "monitor" in found
