"""Log: what was read of one run that somebody logged, and where its readings stand."""

from dataclasses import dataclass, field
from typing import Literal

from steadygan.foreign.columns import Columns
from steadygan.foreign.words import words_of

Unit = Literal["step", "epoch", "kimg", "images", "row"]
UNITS: tuple[Unit, ...] = ("step", "epoch", "kimg", "images")  # what a column may be mapped to, to say where readings stand
BATCH = 32  # images of a step, where it is not known and the log counts images
STEPS_AN_EPOCH = 1000  # so that readings of different epochs stay in different windows

# The spellings of what says where a reading stands, the plainest first.
STEPS: tuple[tuple[str, Unit], ...] = (
    *((name, "step") for name in ("global step", "step", "steps", "total steps", "num steps", "train step", "n step")),
    *(
        (name, "step")
        for name in (
            "iteration",
            "iterations",
            "iter",
            "iters",
            "itr",
            "itrs",
            "total iters",
            "n iter",
            "niter",
            "num iter",
            "it",
        )
    ),
    *((name, "step") for name in ("update", "updates", "num updates", "gen iterations", "batches done")),
    *((name, "kimg") for name in ("kimg", "cur kimg")),
    *((name, "images") for name in ("nimg", "cur nimg", "images seen", "images", "n images", "num images", "samples seen")),
    *((name, "step") for name in ("batch", "batches", "batch idx", "batch index", "i", "n")),
    *((name, "epoch") for name in ("epoch", "epochs", "n epoch", "num epoch", "current epoch")),
    ("tick", "row"),
)
OF_NO_MEANING = {"trainer", "train", "training", "progress"}  # before such a name


@dataclass
class Log:
    """One run as it was logged.

    Attributes:
        columns: what was logged.
        where: it was read, for people.
        name: of the run, where a file holds several.
        unit, column: what says where a reading stands, and the column it is in; None where readings were counted.
        ours: it has our own names already, and is read as it is.
        batch: images of a step, where the log says so.
        notes: one sentence for each thing that a reader should know.
    """

    columns: Columns
    where: str = ""
    unit: Unit = "step"
    column: str | None = None
    name: str = ""
    ours: bool = False
    batch: int | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def factor(self) -> float:
        """Steps that one of the log's units counts as."""
        images = self.batch or BATCH
        return {"step": 1.0, "row": 1.0, "epoch": STEPS_AN_EPOCH, "kimg": 1000 / images, "images": 1 / images}[self.unit]


def place_of(name: str) -> tuple[int, Unit] | None:
    """How plainly a column's name says that it tells where a reading stands (0 is the plainest), and in which unit.

    >>> place_of("_step"), place_of("d_loss")
    ((1, 'step'), None)
    """
    words = words_of(name)
    while len(words) > 1 and words[0] in OF_NO_MEANING:
        words = words[1:]
    spelt = " ".join(words)
    return next(((rank, unit) for rank, (known, unit) in enumerate(STEPS) if spelt == known), None)
