"""Starting and resuming runs."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from steadygan.assembly import Game, assemble, open_data
from steadygan.config import Config
from steadygan.custom import read_config, write_config
from steadygan.data.source import Progress
from steadygan.directory import RunDirectory, cut_back, write_json, write_text
from steadygan.environment import environment
from steadygan.errors import CheckpointError, UsageError
from steadygan.images import write_png
from steadygan.losses import Wasserstein
from steadygan.measuring import drawn
from steadygan.outcome import Outcome
from steadygan.planning import Plan
from steadygan.planning.lints import Lint, Setup, lint
from steadygan.run import Run
from steadygan.sampling import reals_of
from steadygan.training.checkpoint import load, read_notes
from steadygan.training.precision import Choice


def train(config: Config, out: str | os.PathLike[str]) -> Outcome:
    """Train as `config` says in the new directory `out`, without a word; for progress iterate over `start(...).play()`."""
    return played(start(config, Path(out)))


def resume(out: str | os.PathLike[str], steps: int | None = None) -> Outcome:
    """Go on with the run in `out` from its last checkpoint, without a word; `steps` is the total to reach."""
    return played(reopen(Path(out), steps))


def played(run: Run) -> Outcome:
    """Play a run to its end."""
    for _ in run.play():
        pass
    return run.outcome()


def start(config: Config, out: Path, plan: Plan | None = None, progress: Progress | None = None) -> Run:
    """A new run in the directory `out`, which must be new or empty.

    Args:
        config: with every setting made.
        out: where it writes.
        plan: why the config is as it is.
        progress: told how many examples are decoded.
    """
    return linted_start(config, out, plan, progress)[0]


def linted_start(
    config: Config, out: Path, plan: Plan | None = None, progress: Progress | None = None
) -> tuple[Run, tuple[Lint, ...]]:
    """As `start`: the new run, and what is known to go wrong with its setup, which is in its plan and its log already."""
    directory = RunDirectory(out)
    directory.check_free()
    dataset = open_data(config, progress)
    game = assemble(config, dataset)
    lints = lints_of(game)
    directory.create()
    write_config(directory, config)
    planned = plan.markdown() if plan else f"# Plan\n\nRecipe `{config.recipe}`: see `config.yaml`.\n"
    write_text(directory.plan, planned + section(lints))
    if plan:
        write_json(directory.fingerprint, plan.data.as_dict())
    write_json(directory.environment, {**environment(), "choice": asdict(game.choice)})
    write_png(directory.reals, reals_of(dataset))
    run = Run(directory, game)
    for each in lints:
        run.log(f"info: {each}")
    return run, lints


def lints_of(game: Game, n: int = 32) -> tuple[Lint, ...]:
    """What is known to go wrong with a game that has not begun; it costs about as much as one step, and leaves no trace."""
    state, config, dataset = game.state, game.config, game.stream.dataset
    real, label = game.stream.take(drawn(len(dataset), n))
    z = torch.randn(len(real), state.z_dim, generator=torch.Generator().manual_seed(config.seed)).to(state.device)
    loss = "wasserstein" if isinstance(config.loss, Wasserstein) else config.loss.name
    return lint(Setup(state.networks, state.optimizers, real, label, z, loss), config, dataset)


def section(lints: tuple[Lint, ...]) -> str:
    """The lints as a section of the plan, in Markdown; "" where there are none."""
    lines = [f"- `{each.name}` at `{each.where}`: {each.message}. Try: {each.advice}." for each in lints]
    head = "\n## Before the first step\n\nKnown ways to go wrong; messages and not alarms.\n\n"
    return head + "\n".join(lines) + "\n" if lines else ""


def reopen(out: Path, steps: int | None = None) -> Run:
    """The run in `out`, ready to go on from its last checkpoint as if it had never stopped.

    Args:
        out: its directory.
        steps: the total to reach; None keeps the config's.
    """
    directory = RunDirectory(out)
    config = read_config(directory)
    config = config.with_(steps=steps) if steps else config
    game, notes = restored(directory, config)
    if game.state.step >= config.steps and finished(directory, game.state.step):
        hint = f"give a larger total, as in `steadygan resume {out} --steps {2 * config.steps}`"
        raise UsageError(f"{out}: already at step {game.state.step} of {config.steps}", hint)
    for path in (directory.history, directory.findings):
        cut_back(path, game.state.step)
    cut_back(directory.metrics, min(game.state.step, config.steps - 1))  # the last score comes again with the end
    write_config(directory, config)
    return Run(directory, game, notes)


def finished(directory: RunDirectory, step: int) -> bool:
    """Whether the run came to its end at `step`; killed between its last step and its report it did not."""
    return directory.outcome.is_file() and json.loads(directory.outcome.read_text(encoding="utf-8"))["step"] >= step


def restored(directory: RunDirectory, config: Config, name: str = "last") -> tuple[Game, dict[str, Any]]:
    """The game as a checkpoint left it, and the notes beside it. A run that was killed before its first one starts anew."""
    dataset = open_data(config)
    if not directory.checkpoints.exists():
        return assemble(config, dataset), {}
    folder = directory.checkpoint(name)
    notes = read_notes(folder)
    if tuple(notes["shape"]) != dataset.shape:
        problem = f"{folder}: written for examples of shape {notes['shape']}, this config says {list(dataset.shape)}"
        raise CheckpointError(problem, "change resolution and channels back, or start a new run")
    game = assemble(config, dataset, Choice(**notes["precision"]))
    return game, load(folder, game.state)
