"""What a person sees of a run: plan, progress, status, findings. Lines only where the output is no terminal."""

import contextlib
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

from steadygan.cli.finding import COLOURS, body, sure
from steadygan.config import Config
from steadygan.diagnosis.base import Finding
from steadygan.outcome import Outcome
from steadygan.planning import Plan
from steadygan.planning.lints import Lint
from steadygan.planning.plan import shown
from steadygan.run import Event, Run
from steadygan.status import duration, megabytes, thousands

SECONDS_BETWEEN_LINES = 10


def show_plan(config: Config, plan: Plan | None) -> None:
    """Print what will be trained: a plan with a reason a line, a recipe by its main settings."""
    headings = ("setting", "value", "why") if plan else (f"recipe {config.recipe}", "")
    table = Table(*(Column(heading, overflow="fold") for heading in headings), box=None, pad_edge=False, header_style="bold")
    for line in plan.lines if plan else ():
        table.add_row(line.key, shown(line.value), line.reason)
    for key, value in config.mapping().items() if plan is None else ():
        if key in SUMMARY:
            table.add_row(key, shown(value))
    console_for().print(table)


SUMMARY = ("data", "network", "loss", "stabilizers", "augmentations", "n_critic", "steps", "batch_size", "ema", "seed")


def play(run: Run, lints: Sequence[Lint] = ()) -> int:
    """Play a run while showing it; returns the exit code. Ctrl-C ends it after the step at hand, with a checkpoint."""
    console = console_for()
    console.print(f"\n{opening(run)}" if console.is_terminal else opening(run), highlight=False, markup=False, soft_wrap=True)
    show_lints(lints, console)
    with stopped_by_signals(run):
        show = show_live if console.is_terminal else show_lines
        show(run, console)
    outcome = run.outcome()
    console.print(closing(outcome), highlight=False, soft_wrap=True)
    return outcome.exit_code


def show_live(run: Run, console: Console) -> None:
    """A progress bar with the status under it; scores and findings stay above."""
    columns = (BarColumn(bar_width=30), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    bar = Progress(TextColumn("training"), *columns, console=console)
    task = bar.add_task("training", total=run.config.steps, completed=run.game.state.step)
    with Live(bar, console=console, refresh_per_second=5) as live:
        for event in run.play():
            if event.kind == "step":
                bar.update(task, completed=event.step)
            elif event.kind == "reading":
                live.update(Group(bar, str(event.data)))
            elif (said := words_for(event)) is not None:
                live.console.print(said, highlight=False)


def show_lines(run: Run, console: Console) -> None:
    """A status line now and then; every score and finding."""
    last = 0.0
    for event in run.play():
        if event.kind == "reading" and (time.monotonic() - last > SECONDS_BETWEEN_LINES or event.step == run.config.steps):
            last = time.monotonic()
            console.print(event.data, highlight=False, soft_wrap=True)
        elif (said := words_for(event)) is not None:
            console.print(said, highlight=False, soft_wrap=True)


def words_for(event: Event) -> str | Panel | None:
    """What an event leaves on the screen, or None."""
    if isinstance(event.data, Finding):
        return finding_panel(event.data)
    return event.data if event.kind in ("score", "note") else None


def finding_panel(finding: Finding) -> Panel:
    """A finding with its reason and advice."""
    title = f"{finding.verdict} at step {finding.step:,}{sure(finding)}"
    return Panel(
        body(finding, evidence=False), title=title, title_align="left", border_style=COLOURS[finding.severity], width=100
    )


def opening(run: Run) -> str:
    """What is about to be trained, with which precision, and what a checkpoint takes."""
    game, config = run.game, run.config
    counts = [
        sum(p.numel() for p in network.parameters())
        for network in (game.state.networks.generator, game.state.networks.discriminator)
    ]
    copies = 3 + config.checkpoints.keep
    data = game.dataset
    return "\n".join(
        [
            f"data       {data.name}: {len(data)} examples of shape {list(data.shape)}, {data.n_classes} classes",
            f"networks   generator {thousands(counts[0])} parameters, discriminator {thousands(counts[1])}",
            f"precision  {game.choice.reason}",
            f"run        {run.directory.path}, at most {copies} checkpoints of {megabytes(run.checkpoint_size)}",
        ]
    )


def show_lints(lints: Sequence[Lint], console: Console) -> None:
    """Print a line for each lint; wrapped under its first word on a terminal."""
    rows = Table.grid(Column(width=9, style="cyan"), Column(overflow="fold"), padding=(0, 2, 0, 0))
    for each in lints:
        rows.add_row("info", Text(str(each)))
        if not console.is_terminal:
            console.print(f"info       {each}", highlight=False, markup=False, soft_wrap=True)
    if lints and console.is_terminal:
        console.print(rows, highlight=False)


def closing(outcome: Outcome) -> str:
    """How it ended, and what to do next."""
    best = f", best {outcome.best['metric']} {outcome.best['value']:.2f} at step {outcome.best['step']}" if outcome.best else ""
    images, time_taken = thousands(outcome.images_seen), duration(outcome.seconds)
    told = f"{outcome.verdict} after {outcome.step} steps, {images} images, {time_taken}{best}"
    if outcome.interrupted:
        return f"{told}\nstopped; go on with `steadygan resume {outcome.path}`"
    return f"{told}\nsamples in {outcome.path}/samples, report in {outcome.path}/report.html"


@contextlib.contextmanager
def stopped_by_signals(run: Run) -> Iterator[None]:
    """Within it, the first Ctrl-C or SIGTERM ends the run cleanly; a second Ctrl-C breaks off."""

    def stop(_number: int, _frame: object) -> None:
        run.stop()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        print("stopping after this step; Ctrl-C again breaks off", file=sys.stderr)

    before = {each: signal.signal(each, stop) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextlib.contextmanager
def decoding() -> Iterator[Callable[[int, int], None]]:
    """A bar for the decoding of many examples; it goes away when they are in."""
    console = Console(stderr=True)
    columns = (TextColumn("decoding"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, transient=True, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("decoding", total=None, visible=False)
        yield lambda done, total: bar.update(task, completed=done, total=total, visible=True)


@contextlib.contextmanager
def working(what: str, quiet: bool = False) -> Iterator[None]:
    """A spinner while something takes its time; nothing where the output is no terminal."""
    console = Console(stderr=True)
    with contextlib.nullcontext() if quiet or not console.is_terminal else console.status(what):
        yield


def console_for() -> Console:
    """The console of standard output."""
    return Console()
