"""What helps against what: sick runs with a known cause, and one remedy at a time tried on each.

    python benchmarks/doctor/remedies.py [--seeds 10] [--only CAUSE ...] [--table]

Each cause is a game that is sick from the start for that reason alone. It is played to step SICK_AT; from a checkpoint there it
goes on for AFTER steps with one thing changed, through the product's own return to a checkpoint, and once with nothing changed.
All arms of a seed begin with the same weights, moments, data and random streams. A run counts as stable where `truth.py` calls
the part after the change stable, as a run of its own: mostly all modes, still, from first to last since it settled, and settled
for a third of the time at least. Sick and undecided ones are not. Intervals are Wilson's, 95%; `better` and `worse` count the
seeds in which a remedy's run is stable and that with nothing changed is not, and the other way round.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from zlib import crc32

import torch
from configurations import EVERY
from methods import RATE, Method, of_points, plain_points, players, sn, with_
from sets import source
from trials import Key, Ledger, Quick, Row, asked, end_of, one_thread, play_all, truth_of, write
from worlds import world

from steadygan.assembly import Game, assemble, open_data
from steadygan.card.truth import STABLE
from steadygan.config import Config
from steadygan.diagnosis.causes import OF_COLLAPSE, OF_OSCILLATION, ranked
from steadygan.diagnosis.course import Course
from steadygan.history import History
from steadygan.measuring import Gauge, Measurement
from steadygan.rollback import returned
from steadygan.run import GAUGE_N
from steadygan.share import Share
from steadygan.stabilizers import R1, SpectralNormalization
from steadygan.training.checkpoint import save
from steadygan.training.loop import train_steps

SICK_AT, AFTER = 800, 1200  # steps
STEM, NOTHING, SPECTRAL = "stem", "nothing", "stabilizers+=spectral_norm"
WIDE = 32 ** (1 / 3)  # three layers of this norm have a slope of at most 32


@dataclass(frozen=True)
class Sickness:
    """A game that is sick for one reason: what it changes in the plain game of points, and the name that the product gives."""

    method: Method
    named: str
    data: str = "ring"


SICK = {
    "nothing regularizes D": Sickness(of_points()["wgan_plain"], "nothing regularizes the discriminator"),
    "normalization too tight": Sickness(of_points()["sn1"], "normalization or penalty starves the discriminator"),
    "gradient penalty too heavy": Sickness(of_points()["gp10"], "normalization or penalty starves the discriminator"),
    "D too fast": Sickness(of_points()["d_fast"], "the discriminator is too strong"),
    "G too fast": Sickness(with_(R1(gamma=0.1), **players(RATE, g=40)), "the generator is too fast"),
    "both too fast": Sickness(with_(R1(gamma=0.1), **players(RATE, 30, 30)), "both players are too fast"),
    "momentum": Sickness(with_(R1(gamma=0.1), **players(RATE, beta1=0.97)), "momentum"),
    "G too slow": Sickness(of_points()["g_slow"], "the generator is too slow"),
    "batch too small": Sickness(with_(sn(8), batch_size=4), "the batches are too small"),
}


def rates(discriminator: float = 1, generator: float = 1) -> Callable[[Config], list[str]]:
    """Both learning rates times something."""

    def settings(config: Config) -> list[str]:
        pairs = (("discriminator", config.discriminator, discriminator), ("generator", config.generator, generator))
        return [f"{name}.optimizer.learning_rate={one.optimizer.learning_rate * times}" for name, one, times in pairs]

    return settings


def slope(config: Config) -> list[str]:
    """A larger slope for what is bounded, a bound of 32 where nothing is."""
    names = {stabilizer.name for stabilizer in config.stabilizers}
    if "spectral_norm" in names:
        factor = next(3 * one.coefficient for one in config.stabilizers if isinstance(one, SpectralNormalization))
        return [f"stabilizers.spectral_norm.coefficient={factor}"]
    if "wgan_gp" in names:
        return ["stabilizers.wgan_gp.weight=1"]
    return [SPECTRAL]


REMEDIES: dict[str, Callable[[Config], list[str]]] = {
    NOTHING: lambda _: [],
    "r1": lambda config: [
        f"stabilizers+={{name: r1, gamma: {1.0 if any(s.name == 'r1' for s in config.stabilizers) else 0.1}}}"
    ],
    "slope": slope,
    "G rate / 10": rates(generator=0.1),
    "D rate / 10": rates(discriminator=0.1),
    "both rates / 10": rates(0.1, 0.1),
    "beta1 0": lambda _: ["discriminator.optimizer.beta1=0.0", "generator.optimizer.beta1=0.0"],
    "G rate x 3": rates(generator=3),
    "G rate x 10": rates(generator=10),
    "batch x 16": lambda config: [f"batch_size={16 * config.batch_size}"],
}
ADVISED = {  # the arm that is the remedy of a cause
    "nothing regularizes the discriminator": "r1",
    "the discriminator is too strong": "r1",
    "normalization or penalty starves the discriminator": "slope",
    "the generator is too fast": "G rate / 10",
    "both players are too fast": "G rate / 10",
    "momentum": "beta1 0",
    "the generator is too slow": "G rate x 3",
    "the batches are too small": "batch x 16",
}
EVERYWHERE = (NOTHING, "r1", "slope", "G rate / 10", "D rate / 10")
ARMS = {
    "nothing regularizes D": (*EVERYWHERE, "both rates / 10"),
    "normalization too tight": (*EVERYWHERE, "both rates / 10"),
    "gradient penalty too heavy": EVERYWHERE,
    "D too fast": (*EVERYWHERE, "G rate x 10"),
    "G too fast": (*EVERYWHERE, "both rates / 10"),
    "both too fast": (*EVERYWHERE, "both rates / 10"),
    "momentum": (*EVERYWHERE, "both rates / 10", "beta1 0"),
    "G too slow": (NOTHING, "r1", "D rate / 10", "G rate x 3", "G rate x 10"),
    "batch too small": (NOTHING, "r1", "G rate / 10", "both rates / 10", "batch x 16"),
}


def main() -> None:
    options = asked(__doc__, SICK, "CAUSE", seeds=10)
    one_thread()
    ledger = Ledger("remedies")
    if not options.table:
        play_all(ledger, cells(options.only, options.seeds), one_run)
    rows = [row for sick in SICK for row in table(ledger, sick)]
    rows.append(total(ledger))
    for row in rows:
        print(row)
    write("doctor_remedies", f"{__doc__}\nSICK_AT {SICK_AT}, AFTER {AFTER}.", rows)


def total(ledger: Ledger) -> Row:
    """All causes together: with nothing done, with the remedy that is advised first, and with a slower discriminator."""
    stems = [(sick, seed, named_first(row)) for sick in SICK for row in ledger.of(sick, STEM) for seed in (row["seed"],)]
    arms = {"nothing": NOTHING, "the discriminator ten times slower": "D rate / 10"}
    found = {
        words: [cured(ledger, (sick, arm, seed)) for sick, seed, _ in stems if arm in ARMS[sick]] for words, arm in arms.items()
    }
    found["advised first"] = [cured(ledger, (sick, ADVISED.get(cause, ""), seed)) for sick, seed, cause in stems]
    named = Share.true([cause == SICK[sick].named for sick, _, cause in stems]).plain()
    return {"cause": "all", "cause named first": named, **{words: Share.true(votes).plain() for words, votes in found.items()}}


def cells(causes: list[str], seeds: int) -> list[Key]:
    """All runs, breadth first: every cell's first seed, then the second."""
    return [(sick, arm, seed) for seed in range(seeds) for sick in causes for arm in (STEM, *ARMS[sick])]


def one_run(key: Key) -> Row:
    """Go on from the sick checkpoint with one remedy."""
    sick, arm, seed = key
    stem = stem_of(sick, seed)
    if arm == STEM:
        return {"state": "", "letters": stem.letters, "readings": stem.readings}
    settings = REMEDIES[arm](stem.game.config)
    game = remedied(stem, settings)
    witness = Quick(world(SICK[sick].data), game.stream, game.state.n_classes)
    seen = []
    for record in train_steps(game.state, game.stream, game.method, SICK_AT + AFTER):
        if record.step % EVERY == 0:
            seen.append(witness.look(game.state)[0])
            if lost(seen):
                break
    return {"settings": settings, **end_of(seen), "before": stem.letters}


def lost(seen: list[dict[str, float]]) -> bool:
    """Whether a run cannot be called stable any more, were it calm from now on: it takes a third of all letters."""
    calm = sum(letter in STABLE for letter in truth_of(seen).letters)
    return calm + AFTER // EVERY - len(seen) < AFTER / EVERY / 3


@dataclass(frozen=True)
class Stem:
    """A run up to the change, its letters and what the product read of it so far."""

    game: Game
    room: "tempfile.TemporaryDirectory[str]"  # gone with the stem
    letters: str
    readings: list[dict[str, float]]


@lru_cache(maxsize=1)
def stem_of(sick: str, seed: int) -> Stem:
    """Play the sick game to the step of the change, watched as a run is."""
    config = plain_points(source(SICK[sick].data)).with_(**SICK[sick].method.changes)
    config = config.with_(seed=crc32(f"remedies/{sick}/{seed}".encode()))
    game = assemble(config, open_data(config))
    witness = Quick(world(SICK[sick].data), game.stream, game.state.n_classes)
    gauge = Gauge(config.monitoring.probes, game.stream, game.heldout, GAUGE_N)
    measurement, readings, seen = Measurement(gauge, game.state, EVERY), [], []
    for record in train_steps(game.state, game.stream, game.method, SICK_AT):
        measurement.add(record)
        if record.step % EVERY == 0:
            moved = [optimizer.param_groups[0]["lr"] for optimizer in game.state.optimizers]
            both = {"learning_rate/discriminator": moved[0], "learning_rate/generator": moved[1]}
            readings.append({"step": record.step, "images_seen": record.images_seen, **measurement.read(game.state), **both})
            seen.append(witness.look(game.state)[0])
    room = tempfile.TemporaryDirectory()
    save(Path(room.name) / "sick", game.state, {})
    rounded = [{name: float(f"{value:.6g}") for name, value in one.items()} for one in readings]
    return Stem(game, room, end_of(seen)["letters"], rounded)


def remedied(stem: Stem, settings: list[str]) -> Game:
    """The game of a stem at its end with the remedy in it. New normalization begins with the weights as they are."""
    if settings != [SPECTRAL]:
        return returned(stem.game, stem.game.config.changed(settings), Path(stem.room.name) / "sick")[0]
    game, _ = returned(stem.game, stem.game.config, Path(stem.room.name) / "sick")
    new = SpectralNormalization(coefficient=WIDE)
    new.prepare(game.state.networks)
    return replace(game, method=replace(game.method, stabilizers=(*game.method.stabilizers, new)))


def table(ledger: Ledger, sick: str) -> list[Row]:
    """The cells of one cause."""
    rows, idle = [], {row["seed"]: row["state"] == "stable" for row in ledger.of(sick, NOTHING)}
    first = {row["seed"]: named_first(row) for row in ledger.of(sick, STEM)}
    named = Share.true([cause == SICK[sick].named for cause in first.values()]).plain()
    advised = Share.true([cured(ledger, (sick, ADVISED.get(cause, ""), seed)) for seed, cause in first.items()]).plain()
    for arm in ARMS[sick]:
        found = [row for row in ledger.of(sick, arm) if row["seed"] in idle]
        if found:
            stable = {row["seed"]: row["state"] == "stable" for row in found}
            better = sum(stable[seed] and not idle[seed] for seed in stable)
            worse = sum(idle[seed] and not stable[seed] for seed in stable)
            numbers = {"stable": Share.true(stable.values()).plain(), "better": better, "worse": worse}
            rows.append({"cause": sick, "remedy": arm, **numbers, "cause named first": named, "advised first cures": advised})
    return rows


def cured(ledger: Ledger, key: Key) -> bool:
    """Whether a remedy was tried on a run, and the run was stable then."""
    return key in ledger.rows and bool(ledger.rows[key]["state"] == "stable")


def named_first(stem: Row) -> str:
    """The cause that the product puts first: for an oscillation where the samples hop at the change, else for a collapse."""
    fingerprints = OF_OSCILLATION if stem["letters"][-1] in "DO" else OF_COLLAPSE
    found = ranked(Course(History(stem["readings"])), fingerprints)
    return found[0].name if found else ""


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
