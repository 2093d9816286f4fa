"""Sample sheets of all arms side by side, drawn from the same latents: one setting, one seed, at the end of training."""

from dataclasses import dataclass
from pathlib import Path

from steadygan.report.pictures import Picture, embedded
from steadygan.study.cells import Cell
from steadygan.study.place import StudyDirectory
from steadygan.study.report.cast import telling
from steadygan.study.result import Result
from steadygan.study.table import Table


@dataclass(frozen=True)
class Sample:
    """An arm's sheet: its picture, None where there is none; its path within the study, and what became of the run."""

    arm: str
    picture: Picture | None
    path: str
    told: str


@dataclass(frozen=True)
class Samples:
    """All arms at one setting with one seed, and real examples."""

    setting: str
    seed: int
    arms: tuple[Sample, ...]
    real: Picture | None


def samples(table: Table, place: StudyDirectory) -> Samples | None:
    """The sheets at the setting where the arms differ most and has any; None where no cell left one."""
    for setting in telling(table):
        seed = table.complete.seeds[0]
        cells = [Cell(arm, setting, seed) for arm in table.study.arms if table.study.why_not(arm, setting) is None]
        found = tuple(sample(place, table.complete.results[cell]) for cell in cells)
        if any(each.picture for each in found):
            reals = (embedded(place.cells / cell.id / "reals.png") for cell in cells)
            return Samples(setting, seed, found, next(filter(None, reals), None))
    return None


def sample(place: StudyDirectory, result: Result) -> Sample:
    """The last sheet of a cell."""
    path = last_sheet(place.cells / result.cell.id / "samples")
    told = f"step {int(path.stem):,}" if path else "no sheet"
    return Sample(
        result.arm,
        embedded(path) if path else None,
        str(path.relative_to(place.path)) if path else "",
        told + ", diverged" * (result.state == "diverged"),
    )


def last_sheet(folder: Path) -> Path | None:
    """The sheet of the last step in a folder."""
    return max((path for path in folder.glob("*.png") if path.stem.isdigit()), key=lambda path: int(path.stem), default=None)
