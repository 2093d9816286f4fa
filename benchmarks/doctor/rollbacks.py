"""What a run that may go back makes of a failure: failures injected half way into runs of the product, in four arms.

    python benchmarks/doctor/rollbacks.py [--seeds 5] [--only FAILURE ...] [--table]

Arms: `without` the failure; `watched`, without it and with `rollback` on every finding that says a run is sick; with the
failure and `nothing` done; with it and `rollback`. All are whole runs of the product in a directory, with its own probes,
judge, checkpoints and returns. The failure is brought in from outside between two steps, at a step drawn from AT; the arms of
a seed go on from one stop of one run right before it. How long it lasts is decided by its kind:

    once     it befell what the process holds (weights, an optimizer, a step that is skipped): a return to a checkpoint mends it
    setting  it is in force from its step on, also after a return to an earlier step, until a remedy makes that very setting
    always   it is in the data, and stays whatever the run does: the one that no rollback can mend

A run is stable at the end where `truth.py` calls its last LAST readings stable, as a run of their own; `coverage` is the mean
share of modes over its last 8: smallest, mean and largest of the seeds. Intervals of shares are Wilson's, 95%.
"""

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from zlib import crc32

import torch
from injections import INJECTIONS, Match, Tap
from methods import Method, plain_points, with_
from sets import source
from trials import Key, Ledger, Quick, Row, asked, end_of, one_thread, play_all, write
from worlds import world

from steadygan.assembly import Game
from steadygan.config import Checkpoints, Config, Evaluation
from steadygan.custom import read_config, write_config
from steadygan.directory import RunDirectory
from steadygan.evaluation import EXTRACTORS, METRICS
from steadygan.launch import reopen, start
from steadygan.losses import Wasserstein
from steadygan.run import Run
from steadygan.share import Share
from steadygan.stabilizers import R1, GradientPenalty

STEPS, AT, LAST = 2600, (1200, 1400), 24  # steps; steps of the failure; readings
WITHOUT, WATCHED, NOTHING, ROLLBACK = "without", "watched", "nothing", "rollback"
SICK = ("OSCILLATION", "MODE-COLLAPSE", "SLOW-SLIDE", "NORMALIZATION-TOO-TIGHT", "DISCRIMINATOR-WINS")
BASES = {"r1": with_(R1(gamma=0.1)), "gp": with_(GradientPenalty(weight=1), loss=Wasserstein())}


@dataclass(frozen=True)
class Failure:
    """One injected failure: into which game, what, how long it lasts, and the causes that are right to name for it.

    `lifts` are the beginnings of the settings that end a failure of kind `setting`, one tuple for each part of it.
    """

    base: str
    injection: str
    kind: str
    right: tuple[str, ...] = ()
    lifts: tuple[str, ...] = ()


RATES = ("discriminator.optimizer.learning_rate", "generator.optimizer.learning_rate")
RISEN, JUMPED, CHANCE = "a learning rate has risen", "weights have jumped", "chance"
FAILURES = {
    "g_lr_x40": Failure("r1", "g_lr_x40", "setting", (RISEN, "the generator is too fast"), RATES[1:]),
    "d_lr_x20": Failure("gp", "d_lr_x20", "setting", (RISEN,), RATES[:1]),
    "both_lr_x20": Failure("r1", "both_lr_x20", "setting", (RISEN, "both players are too fast"), RATES),
    "stabilizer_off": Failure(
        "gp", "stabilizer_off", "setting", ("nothing regularizes the discriminator",), ("stabilizers.wgan_gp",)
    ),
    "d_frozen": Failure("gp", "d_frozen", "once", ("the discriminator does not learn",)),
    "d_shrunk": Failure("gp", "d_shrunk", "once"),
    "g_spike": Failure("r1", "g_spike", "once", (JUMPED,)),
    "g_deaf": Failure("r1", "g_deaf", "once"),
    "modes_dropped": Failure("r1", "modes_dropped", "always", ("the data changed",)),
}


def act_of(injection: str) -> Callable[[Match], None]:
    """What an injection does. A generator 20 times as fast steadies itself on the ring within 300 steps, one 40 times not."""
    return faster_40 if injection == "g_lr_x40" else INJECTIONS[injection].act


def faster_40(match: Match) -> None:
    """40 times the learning rate for the generator."""
    of_discriminator, of_generator = match.state.schedules
    match.state.schedules = (of_discriminator, of_generator.with_(learning_rate=40 * of_generator.learning_rate))


def main() -> None:
    options = asked(__doc__, FAILURES, "FAILURE", seeds=5)
    one_thread()
    ledger = Ledger("rollbacks")
    if not options.table:
        play_all(ledger, cells(options.only, options.seeds), one_run)
    rows = [row for name in FAILURES if (row := table(ledger, name))]
    for row in [*rows, *([total(ledger)] if rows else [])]:
        print(row)
    if rows:
        write("doctor_rollbacks", f"{__doc__}\nSTEPS {STEPS}, AT {AT}, LAST {LAST}.", [*rows, total(ledger)])


def cells(names: Sequence[str], seeds: int) -> list[Key]:
    """All runs, breadth first."""
    bases = dict.fromkeys(FAILURES[name].base for name in names)
    first = [(base, arm) for base in bases for arm in (WITHOUT, WATCHED)]
    arms = [*first, *((name, arm) for name in names for arm in (NOTHING, ROLLBACK))]
    return [(name, arm, seed) for seed in range(seeds) for name, arm in arms]


def config_of(base: Method, seed: int) -> Config:
    """A run of the product on the ring. All failures of one seed befall the same run."""
    config = plain_points(source("ring")).with_(**base.changes, steps=STEPS, seed=seed)
    scores = Evaluation(every=0, n=200, extractor=EXTRACTORS.build("points"), metrics=(METRICS.build("frechet"),))
    rare = config.monitoring.with_(samples_every=STEPS)
    return config.with_(evaluation=scores, monitoring=rare, checkpoints=Checkpoints(every=200))


@dataclass(frozen=True)
class Stem:
    """A run that was stopped just before the failure: the place of its directory, its step, and what the witness saw."""

    room: "tempfile.TemporaryDirectory[str]"  # gone with the stem
    at: int
    seed: int
    seen: dict[int, dict[str, float]]


@lru_cache(maxsize=len(BASES))
def stem_of(base: str, number: int) -> Stem:
    """Play a run to the step of the failure."""
    seed = crc32(f"rollbacks/{base}/{number}".encode())
    at = AT[0] + seed % (AT[1] - AT[0])
    room = tempfile.TemporaryDirectory()
    run = start(config_of(BASES[base], seed), Path(room.name) / "run")
    return Stem(room, at, seed, watched(run, Fault(run, None, at, seed), {}, at))


@dataclass
class Fault:
    """Brings a failure into a run from outside, and again after each return for as long as it lasts."""

    run: Run
    failure: Failure | None
    at: int
    seed: int
    struck: bool = False
    game: Game | None = None

    def look(self, step: int) -> None:
        """Between two steps: strike at the first step that is late enough, and again where a new game is played."""
        if self.failure is None or (not self.struck and step < self.at):
            return
        if not self.struck or (self.run.game is not self.game and self.failure.kind != "once"):
            self.strike()
        self.struck, self.game = True, self.run.game

    def strike(self) -> None:
        """What is still in force of the failure."""
        assert self.failure is not None
        run, live = (
            self.run,
            [setting for one in self.run.interventions.done if one.state != "reverted" for setting in one.settings],
        )
        lifted = [lift for lift in self.failure.lifts if any(setting.startswith(lift) for setting in live)]
        if self.failure.lifts and len(lifted) == len(self.failure.lifts):
            return
        old, before = run.game, run.game.state.schedules
        stream = Tap(old.stream.dataset, old.stream.batch_size, old.config.seed)
        random = torch.Generator().manual_seed(self.seed)
        match = Match(world("ring"), old.state, stream, old.method, random)
        act_of(self.failure.injection)(match)
        kept = [
            schedule if rate in lifted else new for rate, schedule, new in zip(RATES, before, old.state.schedules, strict=True)
        ]
        old.state.schedules = (kept[0], kept[1])
        method = match.method
        if not method.stabilizers:  # those that a remedy has added stay
            gone = {one.name for one in BASES[self.failure.base].changes["stabilizers"]}
            method = replace(method, stabilizers=tuple(one for one in old.method.stabilizers if one.name not in gone))
        run.game, run.measurement.gauge.stream = replace(old, method=method, stream=stream), stream


def one_run(key: Key) -> Row:
    """One run of the product, from start to end."""
    name, arm, number = key
    failure = FAILURES.get(name)
    stem = stem_of(failure.base if failure else name, number)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(shutil.copytree(Path(stem.room.name) / "run", Path(folder) / "run"))
        directory = RunDirectory(path)
        asked = dict.fromkeys((*SICK, "any"), "rollback") if arm in (WATCHED, ROLLBACK) else {}
        write_config(directory, read_config(directory).with_(on_finding=asked))
        run = reopen(path)
        seen = watched(run, Fault(run, failure, stem.at, stem.seed), stem.seen)
        tried = [vars(one) for one in run.interventions.done]
        found = (
            [json.loads(line) for line in directory.findings.read_text().splitlines()] if directory.findings.exists() else []
        )
        verdict = run.outcome().verdict
    alarms = [one for one in found if one["severity"] != "info" and one["step"] >= stem.at]
    first = [{"step": one["step"], "verdict": one["verdict"], "causes": [c["name"] for c in one["causes"]]} for one in alarms]
    seen_last = [seen[step] for step in sorted(seen)]
    end = {**end_of(seen_last[-LAST:]), "letters": end_of(seen_last)["letters"], "verdict": verdict}
    return {**end, "at": stem.at, "tried": tried, "alarms": first[:8]}


def watched(run: Run, fault: Fault, before: Mapping[int, dict[str, float]], until: int = STEPS) -> dict[int, dict[str, float]]:
    """Play a run to a step; what the witness saw of the course that led there, by step."""
    witness = Quick(world("ring"), run.game.stream, run.game.state.n_classes)
    seen = dict(before)
    for event in run.play():
        if event.kind == "step":
            fault.look(event.step)
            if event.step == until:
                run.stop()
        elif event.kind == "reading":
            seen = {step: one for step, one in seen.items() if step < event.step}
            seen[event.step] = witness.look(run.game.state)[0]
    return seen


def table(ledger: Ledger, name: str) -> Row:
    """One failure: its three arms, and what was tried first."""
    rows: dict[str, list[Row]] = {arm: ledger.of(name, arm) for arm in (NOTHING, ROLLBACK)}
    rows[WITHOUT] = ledger.of(FAILURES[name].base, WITHOUT)
    if not rows[ROLLBACK]:
        return {}
    known: Row = {"failure": name, "base": FAILURES[name].base, "kind": FAILURES[name].kind}
    return {**known, **{arm: numbers(rows[arm]) for arm in (WITHOUT, NOTHING, ROLLBACK)}, **first_causes(rows[ROLLBACK], name)}


def numbers(rows: list[Row]) -> Row:
    """Share of stable ends, and coverage."""
    covered = sorted(row["coverage"] for row in rows)
    mean = round(sum(covered) / max(len(covered), 1), 3)
    return {
        "stable": Share.true([row["state"] == "stable" for row in rows]).plain(),
        "coverage": [covered[0], mean, covered[-1]] if covered else [],
    }


def first_causes(rows: list[Row], name: str) -> Row:
    """What was named first where anything was, whether it is right, and how many returns there were."""
    named = [row["tried"][0]["cause"] for row in rows if row["tried"] and row["tried"][0]["cause"] != CHANCE]
    right = Share.true([cause in FAILURES[name].right for cause in named]).plain()
    returns = sum(len(row["tried"]) for row in rows) / len(rows)
    return {"cause right, where one was named": right, "named": dict(Counter(named)), "returns": round(returns, 1)}


def total(ledger: Ledger) -> Row:
    """All failures that a rollback can mend, together. A base counts once in it for each seed."""
    mendable = [name for name, failure in FAILURES.items() if failure.kind != "always"]
    arms = {arm: [row for name in mendable for row in ledger.of(name, arm)] for arm in (NOTHING, ROLLBACK)}
    arms |= {arm: [row for base in BASES for row in ledger.of(base, arm)] for arm in (WITHOUT, WATCHED)}
    first = [(row["sick"], row["tried"][0]["cause"]) for row in arms[ROLLBACK] if row["tried"]]
    right = Share.true([cause in FAILURES[name].right for name, cause in first if cause != CHANCE]).plain()
    none = sum(cause == CHANCE for _, cause in first)
    counts = {"runs that went back": len(first), "of them with no cause named": none, "cause right, of the others": right}
    needless = sum(len(row["tried"]) for row in arms[WATCHED])
    return {
        "failure": "all that can be mended",
        **{arm: numbers(rows) for arm, rows in arms.items()},
        **counts,
        "needless returns of watched runs": needless,
    }


if __name__ == "__main__":
    main()
