"""A study whose directory is a URL: cells write there themselves, the driver and the pages work on a copy of the rest."""

import shutil
import tempfile
import time
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from steadygan.errors import UsageError
from steadygan.study.cells import Cell
from steadygan.study.lease import NAME, Lease
from steadygan.study.place import StudyDirectory
from steadygan.study.result import RESULT, read_results
from steadygan.study.store import Store, is_url, told
from steadygan.study.study import Study, read_study

EVERY = 15.0  # seconds at least between two copies of results.jsonl
SHOWN = ("config.yaml", "environment.json", "reals.png")  # of a cell, beside its last sheet of samples


class StudyAtURL(StudyDirectory):
    """The paths of a study, in a directory of this machine that goes with this object; everything in it is also at the URL.

    `results.jsonl` there is up to a quarter of a minute old while a driver is at work. What was lost with a driver that was
    killed is found in `cells/<id>/result.json`.

    Args:
        url: the place.

    Raises:
        UsageError: there is no such protocol, or what it needs is not installed.
    """

    def __init__(self, url: str) -> None:
        self.store = Store(url)
        copy = tempfile.mkdtemp(prefix="steadygan-")
        weakref.finalize(self, shutil.rmtree, copy, True)
        super().__init__(Path(copy))
        self.lease = Lease(self.store, self.path)
        self._published = 0.0

    @property
    def name(self) -> str:
        """The URL."""
        return self.store.url

    def create(self, study: Study) -> None:
        """Prepare a study, or take up the one that is there; the URL is first written to within `lock`.

        Raises:
            UsageError: it holds something else, cannot be read, or another study whose cells this would mix with.
        """
        with told(self.name):
            if not self.store.get(self.study.name, self.study) and {*self.store.listed()} - {NAME}:
                raise UsageError(f"{self.name}: there is something here already, and no study", "name another --out")
        self._prepare(study)

    def require(self) -> Study:
        """The study that is there, with its results as they are now.

        Raises:
            UsageError: there is none.
        """
        with told(self.name):
            if not self.store.get(self.study.name, self.study):
                problem = f"{self.name}: there is no study here (no study.yaml)"
                raise UsageError(problem, "give the URL that --out named")
            self.store.get(self.begun.name, self.begun)
            self._copy_results()
        return read_study(self.study)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Within it, this driver alone drives the study. One that was killed is in the way for three minutes.

        Raises:
            UsageError: another driver is at work here, or the URL cannot be written to.
        """
        with ExitStack() as stack:
            with told(self.name):
                stack.enter_context(self.lease.held())
                self._copy_results()
            yield

    def home(self, cell: Cell) -> str:
        """Where a cell is played."""
        return f"{self.name}/cells/{cell.id}"

    def bring(self, cell: Cell) -> Path:
        """The directory of a cell, brought here without its checkpoints."""
        with told(self.name):
            names = self.store.below(f"cells/{cell.id}")
            self.store.get_all([name for name in names if "/checkpoints/" not in name], self.path)
        return self.cells / cell.id

    def gather(self) -> None:
        """Bring here what pages show of the cells."""
        with told(self.name):
            names = self.store.below("cells")
            sheets = {name.split("/")[1]: name for name in names if "/samples/" in name}  # sorted: the last of a cell stays
            self.store.get_all([*sheets.values(), *(name for name in names if name.endswith(SHOWN))], self.path)

    def publish(self, soon: bool = False) -> None:
        """Bring what lies here to the URL; where `soon` will do, at most now and then, and not where the network is away.

        Raises:
            UsageError: it cannot be written to, or another driver has taken over.
        """
        if self.lease.lost:
            raise UsageError(f"{self.name}: another driver has taken over", "no finished cell is lost: each is in cells/")
        if soon and time.monotonic() - self._published < EVERY:
            return
        with suppress(Exception) if soon else told(self.name):
            self._put(self.study, self.begun, self.planned, self.results, self.verdict, self.report, self.markdown)
        self._published = time.monotonic()

    def publish_pages(self) -> None:
        """Bring the verdict and the report to the URL, and nothing of what is a driver's."""
        with told(self.name):
            self._put(self.verdict, self.report, self.markdown)

    def _put(self, *paths: Path) -> None:
        for path in paths:
            if path.is_file():
                self.store.put(path, path.name)

    def _copy_results(self) -> None:
        """Copy the results, and those of cells whose line was lost."""
        self.store.get(self.planned.name, self.planned)
        self.store.get(self.results.name, self.results)
        known = {cell.id for cell in read_results(self.results).results}
        for name in self.store.listed("cells"):
            if name not in known:
                self.store.get(f"cells/{name}/{RESULT}", self.cells / name / RESULT)


def study_directory(place: str) -> StudyDirectory:
    """The directory of a study, from a path or a URL."""
    return StudyAtURL(place) if is_url(place) else StudyDirectory(Path(place))
