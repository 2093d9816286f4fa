"""Shares of what the judge said that was right: of all runs, by data set, by tier of signals, by verdict and by injection."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from steadygan.card.folk import FOLK
from steadygan.card.replay import Replay
from steadygan.card.truth import GRACE
from steadygan.share import Share

EARLY = 200  # steps before the truth fails, from which an alarm counts as its detection
SOON = 300  # steps after an injection, within which an alarm flags it
AT_ONCE = 100  # steps after an injection: what fails within them could not be foreseen
LATE = 400  # the step from which rules of thumb are heard in stable runs

Row = dict[str, Share | str | float | None]


@dataclass(frozen=True)
class Heard:
    """A judged run with its first alarm for what is true of it.

    Attributes:
        run: the judged run.
        at: the step of that alarm, None without one: of a sick run the first since shortly before its truth fails, of others
            the first that is false.
        word: its headline, "" without one.
    """

    run: Replay
    at: int | None
    word: str

    @classmethod
    def of(cls, run: Replay) -> "Heard":
        """What was heard of a judged run."""
        since = run.stored.truth.since
        at = false_alarm(run) if since is None else run.first(since - EARLY)
        return cls(run, at, "" if at is None else run.word(at))

    @property
    def sick(self) -> bool:
        """Whether it was sick."""
        return self.run.stored.truth.state == "sick"

    @property
    def right(self) -> bool:
        """Whether its headline was."""
        return self.word in self.run.stored.right

    @property
    def lead(self) -> int:
        """How many steps before the truth failed the alarm came."""
        return (self.run.stored.truth.since or 0) - (self.at or 0)

    @property
    def developed(self) -> bool:
        """Whether the sickness came on: it was neither there when a run begins to count, nor at once after an injection."""
        truth, injected = self.run.stored.truth, self.run.stored.injected
        return truth.since is not None and truth.since > (GRACE if injected is None else injected + AT_ONCE)


def false_alarm(run: Replay) -> int | None:
    """The step of the first alarm whose headline is not right: few images make a discriminator overfit, harm or no harm."""
    loud = (int(step) for step in run.steps[run.loud])
    return next((step for step in loud if run.said(step) not in run.stored.right), None)


def scores(those: Sequence[Heard]) -> Row:
    """Detections, false alarms and classes of a group of runs."""
    sick, well = [one for one in those if one.sick], [one for one in those if one.run.stored.stable]
    found = [one for one in sick if one.at is not None]
    return {
        "detected": Share.true([one.at is not None for one in sick]),
        "false alarms": Share.true([one.at is not None for one in well]),
        "false in 1,000 steps": onsets(well),
        "headline right": Share.true([one.right for one in found]),
    }


def leads(those: Sequence[Heard]) -> Row:
    """How long before the truth failed the alarm came, of the runs that are both."""
    found = [one for one in those if one.sick and one.at is not None]
    return {
        "lead": middle(one.lead for one in found),
        "in time": Share.true([one.lead >= 0 for one in found]),
        "where it developed": middle(one.lead for one in found if one.developed),
        "early there": Share.true([one.lead > 0 for one in found if one.developed]),
    }


def onsets(well: Sequence[Heard]) -> float | None:
    """How often an alarm begins in 1,000 steps of stable runs, of those that are false; None of no runs."""
    begun = sum(int((np.diff(one.run.loud.astype(int), prepend=0) > 0).sum()) for one in well if one.at is not None)
    steps = sum(int(one.run.steps[-1]) for one in well)
    return round(1000 * begun / steps, 4) if steps else None


def middle(values: Iterable[float]) -> float | None:
    """The median; None of nothing."""
    known = list(values)
    return float(np.median(known)) if known else None


def by_verdict(those: Sequence[Heard]) -> dict[str, Row]:
    """For each verdict: how often it was right to give, detected and named, and how often right when it was given."""
    judged = [one for one in those if one.sick or one.run.stored.stable]
    names = sorted({name for one in judged if one.sick for name in one.run.stored.right} | {one.word for one in judged} - {""})
    return {name: verdict(name, judged) for name in names}


def verdict(name: str, judged: Sequence[Heard]) -> Row:
    """The row of one verdict."""
    its = [one for one in judged if one.sick and name in one.run.stored.right]
    given = [one for one in judged if one.word == name]
    return {
        "detected": Share.true([one.at is not None for one in its]),
        "named": Share.true([one.word == name for one in its]),
        "right when given": Share.true([one.sick and one.right for one in given]),
        "false alarms": Share.true([one.word == name for one in judged if one.run.stored.stable]),
    }


def injected(those: Sequence[Heard]) -> Row:
    """How many injections were flagged soon, of those after which the run was sick and of the others; and after how long."""
    done = [(one, at, one.run.first(at)) for one in those if (at := one.run.stored.injected) is not None]
    told = [(harmful(one, at), step is not None and step <= at + SOON) for one, at, step in done]
    delays = [step - at for one, at, step in done if harmful(one, at) and step is not None]
    return {
        "harmful, flagged": Share.true([soon for harm, soon in told if harm]),
        "harmless, flagged": Share.true([soon for harm, soon in told if not harm]),
        "delay": middle(delays),
    }


def harmful(one: Heard, injected: int) -> bool:
    """Whether a run was sick after what was done to it."""
    return one.sick and (one.run.stored.truth.since or 0) >= injected - EARLY


def folk(those: Sequence[Heard], name: str) -> Row:
    """Detections and false alarms of a rule of thumb."""
    return {
        "detected": Share.true([fires(one, name, (one.run.stored.truth.since or 0) - EARLY) for one in those if one.sick]),
        "false alarms": Share.true([fires(one, name, LATE) for one in those if one.run.stored.stable]),
    }


def fires(one: Heard, name: str, since: int) -> bool:
    """Whether a rule of thumb fires from a step on."""
    return bool((FOLK[name](one.run.history) & (one.run.steps >= since)).any())
