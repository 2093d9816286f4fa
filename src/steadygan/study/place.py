"""StudyDirectory: where everything of a study lies, and the lock that keeps a second driver out."""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from steadygan.directory import write_text
from steadygan.errors import ConfigError, UsageError
from steadygan.study.cells import Cell
from steadygan.study.result import RESULT, Ledger, read_results
from steadygan.study.study import Study, read_study


class StudyDirectory:
    """The paths of a study.

    `study.yaml` what is asked for; `begun.yaml` what was when its first cell was run; `planned.json` for which device its data
    were planned; `cells/<id>/` one run directory each, with a `result.json` beside the run's own files; `results.jsonl` one
    line a finished cell; `verdict.json`; `report.html`, `report.md`; `logs/` what workers printed.

    Args:
        path: the directory; `create` makes it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.study, self.results, self.verdict = path / "study.yaml", path / "results.jsonl", path / "verdict.json"
        self.begun, self.planned = path / "begun.yaml", path / "planned.json"
        self.report, self.markdown = path / "report.html", path / "report.md"
        self.cells, self.logs, self.locked = path / "cells", path / "logs", path / ".lock"

    @property
    def name(self) -> str:
        """What errors and messages call it."""
        return str(self.path)

    def home(self, cell: Cell) -> str:
        """Where a cell is played."""
        return str(self.cells / cell.id)

    def bring(self, cell: Cell) -> Path:
        """The directory of a cell, on this machine."""
        return self.cells / cell.id

    def gather(self) -> None:
        """Make sure that what pages show of the cells is on this machine."""

    def publish(self, soon: bool = False) -> None:
        """Make sure that what lies here is also where others look for it, be it that it need not be at once."""

    def publish_pages(self) -> None:
        """The same for verdict and report alone, where no driver is at work or another one is."""

    def create(self, study: Study) -> None:
        """Make the directory for a study, or look whether the one that is there can be gone on with.

        Raises:
            UsageError: it holds something else, cannot be written to, another study whose cells this would mix with, or a
                driver is at work in it.
        """
        try:
            if self.path.exists() and not self.study.exists() and (not self.path.is_dir() or self._strange()):
                raise UsageError(f"{self.path}: there is something here already, and no study", "name another --out")
            self.path.mkdir(parents=True, exist_ok=True)
            with self.lock():
                self._prepare(study)
        except OSError as error:
            problem = f"{self.path}: cannot be written to ({error.strerror})"
            raise UsageError(problem, "make room or name another --out; what is there is whole") from None

    def _prepare(self, study: Study) -> None:
        """The folders and the file of a study, or that the one that is there can be gone on with."""
        for folder in (self.cells, self.logs):
            folder.mkdir(exist_ok=True)
        if self.study.exists():
            check_same(self.name, read_study(self.study), study)
        else:
            write_text(self.study, study.yaml())

    def begin(self, study: Study, anew: bool) -> None:
        """Write down what is asked for from now on, within `lock`, and that it was so at first where the study begins `anew`.

        Raises:
            UsageError: another study lives here.
        """
        check_same(self.name, read_study(self.study), study)
        write_text(self.study, study.yaml())
        if anew:
            write_text(self.begun, study.yaml())

    def _strange(self) -> bool:
        """Whether there is more than a driver leaves that was killed before it wrote the study."""
        ours = (self.locked.name, f".{self.study.name}.new")
        empty = (path for path in (self.cells, self.logs) if path.is_dir() and not any(path.iterdir()))
        return any(path.name not in ours for path in {*self.path.iterdir()} - {*empty})

    def require(self) -> Study:
        """The study that lies here.

        Raises:
            UsageError: there is none.
        """
        if not self.study.is_file():
            raise UsageError(f"{self.path}: there is no study here (no study.yaml)", "give the directory that --out named")
        return read_study(self.study)

    def ledger(self, cells: Iterable[Cell]) -> Ledger:
        """The results that lie here; a cell whose line is not there is looked for in its own directory."""
        found = read_results(self.results)
        lost = (cell for cell in cells if cell not in found.results)
        own = {cell: each for cell in lost if (each := read_results(self.cells / cell.id / RESULT).results.get(cell))}
        return Ledger({**found.results, **own}, found.damaged)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Within it, this process alone drives the study. A driver that was killed leaves nothing locked.

        Raises:
            UsageError: another driver is at work here.
        """
        file = os.open(self.locked, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                by = os.pread(file, 100, 0).decode(errors="replace").strip()
                problem = f"{self.path}: another driver is at work here ({by})"
                raise UsageError(problem, f"watch it with `steadygan study show {self.path}`, or end it first") from None
            os.ftruncate(file, 0)
            os.pwrite(file, f"process {os.getpid()} on {os.uname().nodename}".encode(), 0)
            yield
        finally:
            os.close(file)


def check_same(place: str, before: Study, now: Study) -> None:
    """Refuses a study that would mean something else by the names of cells that are there; more of anything is welcome.

    Whether the configs agree is asked cell by cell, by their fingerprints, where results are taken up.
    """
    if (before.name, before.tier) != (now.name, now.tier):
        found = " ".join(filter(None, (before.name, before.tier)))
        problem = f"{place}: the study {found!r} lives here"
        raise ConfigError(problem, "name another --out, or delete this one")
