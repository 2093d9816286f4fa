"""Names: which column of somebody's log is which of our series, guessed from how people spell them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from steadygan.errors import UsageError
from steadygan.foreign.log import UNITS, place_of
from steadygan.foreign.words import MEANING, words_of
from steadygan.parts import near_miss

PLAYERS = ("discriminator", "generator")
SERIES = (
    *(f"{quantity}/{player}" for quantity in ("loss", "grad_norm", "learning_rate", "weight_norm") for player in PLAYERS),
    *(f"{quantity}/{player}" for quantity in ("update_norm", "update_cosine", "update_coherence") for player in PLAYERS),
    *(f"logit/{side}" for side in ("real", "fake", "held_out")),
    *(f"{quantity}/{side}" for quantity in ("logit_std", "accuracy") for side in ("real", "fake")),
    *("accuracy/discriminator", "auc/discriminator", "grad_norm/fake_images", "grad_norm/real_images"),
    *(f"gap/{what}" for what in ("logits", "mean", "swing", "chance")),
    *("wobble/logits", "dispersion/logits", "ema/sample_gap", "diversity/within_class"),
    *(f"diversity/{what}_ratio" for what in ("pairwise", "effective_rank", "trace")),
    *(f"coverage/{what}" for what in ("recall", "coverage", "cells")),
    *("cells/js", "cells/churn", "cells/js_live", "score/fid", "score/kid"),
)
FAMILIES = (
    "sigma/",
    "sigma_error/",
    "condition/",
    "effective_rank/",
    "penalty/",
    "score/",
    "coverage/",
    "cells/",
    "labels/",
    "memorization/",
)

Kind = Literal["as it is", "sign"]


@dataclass(frozen=True)
class Guess:
    """What a column may be.

    Attributes:
        series: ours.
        doubt: 0 for the plainest spelling; of several columns for one series the one with the least doubt is taken.
        kind: what its numbers are: as they are, or the mean sign of the logits, as StyleGAN logs it.
    """

    series: str
    doubt: float = 0.0
    kind: Kind = "as it is"


@dataclass
class Naming:
    """Which column is which series.

    Attributes:
        chosen: column -> what it is.
        left_out: column -> why not.
        given: the columns that were named by the user and not guessed.
    """

    chosen: dict[str, Guess] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    given: set[str] = field(default_factory=set)


def guess(name: str) -> Guess | None:
    """The series that a column is by its name, or None.

    >>> guess("errD").series, guess("Loss/scores/real").series, guess("critic_loss_val")
    ('loss/discriminator', 'logit/real', None)
    """
    if is_ours(name):
        return Guess(name)
    words = words_of(name)
    for score in ("fid", "kid"):
        if score in words:
            return Guess(f"score/{score}", float(len(words) - 1))
    if words[-2:] == ["d", "x"]:
        return Guess("logit/real", 0.5)
    if "d g z" in " ".join(words):
        return Guess("logit/fake", 0.5 + sum(int(word) for word in words if word.isdecimal()))
    found, doubt = series_of({MEANING[word] for word in words if word in MEANING}, words), doubt_of(words)
    return Guess(found.series, doubt, found.kind) if found and doubt is not None else None


def series_of(kinds: set[str], words: list[str]) -> Guess | None:
    """What a name with words of these kinds means, or None."""
    player = None if ("D" in kinds) == ("G" in kinds) else PLAYERS[0] if "D" in kinds else PLAYERS[1]
    sides = [side for side in ("real", "fake") if side in kinds] or ["fake"] * ({"D", "G"} <= kinds)
    side = sides[0] if len(sides) == 1 else None
    if "other" in kinds or ("held out" in kinds and (side != "real" or "score" not in kinds)):
        return None
    if "penalty" in kinds:
        return Guess(f"penalty/{next((word for word in ('r1', 'r2') if word in words), 'gradient_penalty')}")
    if "rate" in kinds:
        return Guess(f"learning_rate/{player}") if player else None
    if {"gradient", "norm"} <= kinds:
        return Guess(f"grad_norm/{player}") if player else None
    if "sign" in kinds:
        return Guess(f"accuracy/{side}", kind="sign") if side else None
    if "accuracy" in kinds:
        return Guess(f"accuracy/{side or PLAYERS[0]}") if side or player == PLAYERS[0] else None
    if "loss" in kinds and "score" not in kinds:
        return Guess(f"loss/{player}") if player and not sides else None
    if side is None or player == PLAYERS[1] or not kinds & {"score", "D"} or "gradient" in kinds or "norm" in kinds:
        return None
    return Guess("logit/held_out" if "held out" in kinds else f"logit_std/{side}" if "spread" in kinds else f"logit/{side}")


def doubt_of(words: list[str]) -> float | None:
    """How far a name is from the plainest spelling; None where it says something more that is not understood."""
    known = [word in MEANING for word in words]
    first = known.index(True) if True in known else len(words)
    rest = words[first:]
    if any(word not in MEANING and not word.isdecimal() for word in rest):
        return None
    plain = sum(MEANING.get(word) == "neutral" for word in rest) + sum(word == "epoch" for word in rest)
    return first + 0.1 * plain + sum(0.5 + 0.01 * int(word[:6]) for word in rest if word.isdecimal())


def is_ours(name: str) -> bool:
    """Whether a series has one of our own names."""
    return name in SERIES or name.startswith(FAMILIES)


def is_loss_part(name: str, others: Iterable[str]) -> bool:
    """Whether `D_real` and `D_fake` are parts of a loss, as they are beside `G_GAN` in the logs of pix2pix and CycleGAN."""
    words = words_of(name)
    return set(words) <= {"d", "real", "fake"} and any(words_of(other) == ["g", "gan"] for other in others)


def naming(columns: Iterable[str], given: Mapping[str, str]) -> Naming:
    """Which column is which series: what was given, and for all others what their names say.

    Args:
        columns: of the log.
        given: series -> column.

    Raises:
        UsageError: a column or series that was given does not exist.
    """
    columns = list(columns)
    found = Naming()
    for series, column in given.items():
        if column not in columns:
            raise no_such_column(series, column, columns)
        if series not in UNITS:
            found.chosen[column] = Guess(series)
            found.given.add(column)
    free = [column for column in columns if column not in given.values() and not place_of(column)]
    guesses = {column: guess(column) for column in free if not is_loss_part(column, columns)}
    for column, one in sorted(((c, g) for c, g in guesses.items() if g), key=lambda item: item[1].doubt):
        taken = next((other for other, two in found.chosen.items() if two.series == one.series), None)
        if taken is None:
            found.chosen[column] = one
        else:
            found.left_out[column] = f"{one.series} is {taken}"
    found.left_out |= {column: "" for column in free if column not in found.chosen and column not in found.left_out}
    return found


def no_such_column(name: str, column: str, columns: Iterable[str]) -> UsageError:
    """The error for a column that was given and is not there."""
    columns = list(columns)
    hint = f"{near_miss(column, columns)}columns: {shortened(columns)}"
    return UsageError(f"--map {name}={column}: there is no such column", hint)


def check_given(given: Mapping[str, str]) -> None:
    """Raises UsageError for a series that no rule knows."""
    for series in given:
        if series not in UNITS and not is_ours(series):
            known = (*SERIES, *UNITS)
            hint = f"{near_miss(series, known)}series are like loss/discriminator, logit/real, grad_norm/generator"
            raise UsageError(f"--map {series}={given[series]}: there is no series {series!r}", hint)


def shortened(names: Iterable[str], most: int = 12) -> str:
    """The first of many names, and how many more there are."""
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
