"""Sample sheets of all arms side by side: one setting, one seed, at the end of training."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from steadygan import yaml12
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
    """All arms at one setting with one seed, and real examples; `same_latents` where all are as long in all arms."""

    setting: str
    seed: int
    arms: tuple[Sample, ...]
    real: Picture | None
    same_latents: bool


def samples(table: Table, place: StudyDirectory) -> Samples | None:
    """The sheets at the setting where the arms differ most and has any; None where no cell left one."""
    for setting in telling(table):
        seed = table.complete.seeds[0]
        cells = [Cell(arm, setting, seed) for arm in table.study.arms if table.study.why_not(arm, setting) is None]
        found = tuple(sample(place, table.complete.results[cell]) for cell in cells)
        if any(each.picture for each in found):
            reals = (embedded(place.cells / cell.id / "reals.png") for cell in cells)
            lengths = {z_dim(place.cells / cell.id / "config.yaml") for cell in cells}
            same = len(lengths) == 1 and None not in lengths
            return Samples(setting, seed, found, next(filter(None, reals), None), same)
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


def z_dim(config: Path) -> int | None:
    """How long the latents of a cell are, None where its config does not say. One seed draws the same ones of one length."""
    try:
        return int(yaml12.read(config.read_text(encoding="utf-8"))["z_dim"])
    except (OSError, ValueError, LookupError, TypeError, yaml.YAMLError):
        return None


def last_sheet(folder: Path) -> Path | None:
    """The sheet of the last step in a folder."""
    return max((path for path in folder.glob("*.png") if path.stem.isdigit()), key=lambda path: int(path.stem), default=None)
