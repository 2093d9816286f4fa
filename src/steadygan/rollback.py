"""Rollback: what a run does of its own accord about a finding, and the record it keeps of that."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from torch.optim import Optimizer

from steadygan.assembly import Game, assemble
from steadygan.config import Config
from steadygan.diagnosis.base import Cause, Finding
from steadygan.errors import SteadyganError
from steadygan.stabilizers import SpectralNormalization
from steadygan.training.checkpoint import load, read_notes

State = Literal["probation", "kept", "reverted"]


@dataclass(frozen=True)
class Intervention:
    """One return to the checkpoint `safe` with one thing changed: a line of `interventions.jsonl`.

    Attributes:
        step: at which the finding was made, `to`: that of the checkpoint.
        verdict, cause: what was found, and the cause whose remedy is tried.
        settings: the assignments made to the config; none for a mere return.
        state: on probation, kept since the finding did not come back, or reverted since it did or could not be tried.
        tried: whether the run went back for it; not where the settings do not fit this run.
    """

    step: int
    to: int
    verdict: str
    cause: str
    settings: tuple[str, ...]
    state: State = "probation"
    tried: bool = True


class Interventions:
    """What was tried so far in a run, and what comes next.

    Args:
        config: as the user wrote it: what `on_finding` says, and what a remedy is taken back to.
        done: by earlier sessions.
    """

    def __init__(self, config: Config, done: Sequence[Intervention] = ()) -> None:
        self.policy, self.done = config.rollback, list(done)

    @property
    def on_probation(self) -> Intervention | None:
        """The one whose remedy is being tried, or None."""
        return self.done[-1] if self.done and self.done[-1].state == "probation" else None

    def action(self, finding: Finding, on_finding: Mapping[str, str]) -> str:
        """What to do about a finding. A warning is acted on only where its verdict is named."""
        named = on_finding.get(finding.verdict)
        if finding.severity == "info":
            return "report"
        return named or (on_finding.get("any", "report") if finding.severity == "failure" else "report")

    def settle(self, step: int, found: bool) -> Intervention | None:
        """End the probation where its time is over or the finding is back: what became of it, or None while it lasts."""
        trial = self.on_probation
        if trial is None or not (found or step >= trial.step + self.policy.probation):
            return None
        if found:
            return self.give_up()
        self.done[-1] = replace(trial, state="kept")
        return self.done[-1]

    def give_up(self, tried: bool = True) -> Intervention:
        """Take the newest remedy back, or say that it could not even be tried."""
        self.done[-1] = replace(self.done[-1], state="reverted", tried=tried)
        return self.done[-1]

    def next(self, finding: Finding, to: int) -> Intervention | None:
        """The next to try: the remedies of its causes, the likeliest first, then a return with nothing changed. None is left
        of those that were in vain or are in force; a return that was enough once may be again. Those that could not be tried
        do not count among the returns that a run may make."""
        if sum(one.tried for one in self.done) >= self.policy.at_most:
            return None
        spent = {one.settings for one in self.done if one.settings or one.state == "reverted"}
        for cause in (*finding.causes, Cause("chance", finding.reason, "")):
            if cause.settings not in spent:
                found = Intervention(finding.step, to, finding.verdict, cause.name, cause.settings)
                self.done.append(found)
                return found
        return None

    def config(self, config: Config) -> Config:
        """`config` with every remedy in it that is kept or on probation."""
        settings = [setting for one in self.done if one.state != "reverted" for setting in one.settings]
        return config.changed(settings)

    def notes(self) -> list[dict[str, Any]]:
        """What a checkpoint keeps."""
        return [asdict(one) for one in self.done]

    @classmethod
    def of(cls, config: Config, notes: Sequence[dict[str, Any]]) -> "Interventions":
        """Those that `notes` came from."""
        return cls(config, [Intervention(**{**one, "settings": tuple(one["settings"])}) for one in notes])


def returned(game: Game, config: Config, folder: Path) -> tuple[Game, dict[str, Any]]:
    """The game as it was in a checkpoint, played on with another config; and the notes beside it.

    Raises:
        SteadyganError: there is no checkpoint, or the networks of this config do not fit into it.
    """
    new = assemble(config, game.dataset, game.choice)
    wanted = [settings_of(optimizer) for optimizer in new.state.optimizers]
    notes = load(folder, new.state)  # which brings the old settings of both optimizers, and of normalization, with it
    for optimizer, settings in zip(new.state.optimizers, wanted, strict=True):
        optimizer.param_groups[0].update(settings)
    for stabilizer in config.stabilizers:
        if isinstance(stabilizer, SpectralNormalization):
            stabilizer.bring_to_coefficient(new.state.networks)
    return new, notes


def settings_of(optimizer: Optimizer) -> dict[str, Any]:
    """What an optimizer goes by, without what it works on."""
    return {key: value for key, value in optimizer.param_groups[0].items() if key != "params"}


def told(one: Intervention) -> str:
    """An intervention in words."""
    what = ", ".join(one.settings) or "nothing changed"
    if one.state == "probation":
        return f"{one.verdict} at step {one.step:,}: back to step {one.to:,} with {what} ({one.cause})"
    if not one.tried:
        return f"{one.verdict} at step {one.step:,}: {what} ({one.cause}) cannot be tried"
    return f"{one.verdict} {'did not come back: kept' if one.state == 'kept' else 'came back: took back'} {what}"


def step_of(folder: Path) -> int:
    """The step of a checkpoint; -1 where there is none."""
    try:
        return int(read_notes(folder)["step"])
    except (SteadyganError, OSError, KeyError):
        return -1
