"""The short door: a handful of sensible arms on one's own data, as many steps and seeds as a budget of time pays for."""

import re
from dataclasses import dataclass
from pathlib import Path

from steadygan.config import Config
from steadygan.configure import Request, configure
from steadygan.data import NAMED
from steadygan.directory import write_text
from steadygan.errors import UsageError
from steadygan.status import duration
from steadygan.study.conclusion import COMPARISON
from steadygan.study.configs import Configs, assignments
from steadygan.study.estimate import Rehearsal, missing
from steadygan.study.measures import Measure
from steadygan.study.rules import least_pairs
from steadygan.study.study import Changes, Study

PLAN = "plan"
BUDGET = "30m"  # where none is asked for
NOTE = "budget.txt"  # beside study.yaml: the budget that a comparison began with
LEAST_ARMS, LEAST_STEPS = 3, 300  # fewer steps tell nothing of how training goes
SCORES = 4  # times that each cell is scored
UNIT = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

# in the order in which they are given up where the budget is small, the last one first
ARMS: dict[str, tuple[str, ...]] = {
    PLAN: (),
    "sn_r1": ("stabilizers+={name: r1, gamma: 0.1}",),
    "r1": ("stabilizers=[{name: r1, gamma: 1}]", "loss=non_saturating"),
    "rpgan_r1r2": ("stabilizers=[{name: r1, gamma: 1}, {name: r2, gamma: 1}]", "loss=relativistic"),
    "batch_norm": ("stabilizers=[]", "loss=non_saturating", "network.norm_discriminator=batch"),
    "slower": ("discriminator.optimizer.learning_rate*=0.25", "generator.optimizer.learning_rate*=0.25"),
}
IMAGES = {"kid": Measure(of="score/kid"), "recall": Measure(of="score/recall", higher_is_better=True)}
POINTS = {
    "coverage": Measure(of="score/coverage", higher_is_better=True),
    "precision": Measure(of="score/precision", higher_is_better=True),
}


def seconds_of(text: str) -> float:
    """Seconds of a time such as `30m`, `2h` or `90`.

    >>> seconds_of("30m"), seconds_of("1.5h"), seconds_of("90")
    (1800.0, 5400.0, 90.0)
    """
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([smhd]?)\s*", text.lower())
    if not match or not float(match[1]):
        raise UsageError(f"--budget: {text!r} is no time", "write 90s, 30m, 2h or 1d")
    return float(match[1]) * UNIT[match[2] or "s"]


@dataclass(frozen=True)
class Price:
    """What an arm costs: seconds a step, and seconds a cell whatever its steps."""

    step: float
    cell: float


def comparison(data: str, budget: float, workers: int) -> Study:
    """The study that compares the plan for some data with its alternatives, within `budget` seconds on `workers` workers.

    Raises:
        UsageError: the data cannot be used, or the budget does not pay for three arms of 300 steps; says what would.
    """
    first = study_of(data, list(ARMS), 1000)
    prices = priced(first)
    most = Configs(study_of(data, [PLAN], None)).pair(PLAN, "as-is").steps
    arms = list(ARMS)
    while (steps := affordable([prices[arm] for arm in arms], budget * workers)) < min(LEAST_STEPS, most) and len(
        arms
    ) > LEAST_ARMS:
        arms.pop()
    if steps < min(LEAST_STEPS, most):
        seeds = seeds_for(len(arms))
        wanted = seeds * sum(prices[arm].cell + LEAST_STEPS * prices[arm].step for arm in arms) / workers
        problem = f"--budget: {duration(budget)} pays for {max(steps, 0)} steps of {len(arms)} arms with {seeds} seeds here"
        raise UsageError(
            problem, f"give at least {duration(wanted * 1.1)}, or smaller images: fewer than {LEAST_STEPS} tell nothing"
        )
    return study_of(data, arms, min(steps, most))


def study_of(data: str, arms: list[str], steps: int | None) -> Study:
    """The study of some arms at so many steps; None keeps the plan's."""
    base = Changes(data=data)
    config = Configs(Study(name="probe", base=base, arms={PLAN: Changes()}, metrics=IMAGES)).pair(PLAN, "as-is")
    metrics = POINTS if config.evaluation.extractor.name == "points" else IMAGES
    return Study(
        name=COMPARISON,
        title=f"What trains best on {data}?",
        limits="Few steps: an arm that starts slowly may win in the end. One value of each setting, none searched for.",
        base=Changes(data=data, set=(*shared(config, metrics), *length(steps))),
        arms={arm: Changes(set=ARMS[arm]) for arm in arms},
        seeds=tuple(range(seeds_for(len(arms)))),
        metrics=metrics,
    )


def seeds_for(arms: int) -> int:
    """The seeds with which so many arms can be shown to differ from the plan at all."""
    return least_pairs(max(arms - 1, 1))


def recipe_of(study: Study, arm: str) -> Config:
    """The config of an arm to be trained in earnest: the plan for the study's data, changed by the arm's assignments alone."""
    return configure(Request(data=study.base.data, settings=assignments(study.arms[arm])))[0]


def check_goes_on(study: Study, place: Path, data: str, budget: str | None) -> None:
    """Refuses to go on in `place` with a comparison of other data, or with another budget than the one it began with.

    Raises:
        UsageError: says what is there.
    """
    if study.base.data is None or not same_data(study.base.data, data):
        raise UsageError(f"{place}: {study.base.data or f'the study {study.name!r}'} is compared there", "name another --out")
    if budget is None:
        return
    first, seconds = noted(place), seconds_of(budget)
    if first is None or seconds_of(first) != seconds:
        found = "is not on record" if first is None else f"is {first}"
        problem = f"--budget: {budget} is asked for, and the budget of the comparison in {place} {found}"
        raise UsageError(problem, "leave --budget out to go on with that one, or name another --out for a new one")


def same_data(one: str, other: str) -> bool:
    """Whether two words name the same data: `photos`, `photos/` and its whole path do.

    >>> same_data("ring", "ring"), same_data("ring", "grid")
    (True, False)
    """
    if one == other or one in NAMED or other in NAMED:
        return one == other
    paths = Path(one).expanduser(), Path(other).expanduser()
    return paths[0].resolve() == paths[1].resolve()


def note(place: Path, budget: str) -> None:
    """Write down which budget a comparison began with, beside its study."""
    write_text(place / NOTE, f"{budget.strip()}\n")


def noted(place: Path) -> str | None:
    """The budget that a comparison began with; None where that is not on record, or not readable."""
    try:
        found = (place / NOTE).read_text(encoding="utf-8").strip()
        return found if seconds_of(found) else None
    except (OSError, UnicodeDecodeError, UsageError):
        return None


def shared(config: Config, metrics: dict[str, Measure]) -> list[str]:
    """What all arms have in common, beside the plan: how they are scored and what is kept."""
    scored = "prdc" if metrics is POINTS else "kid, prdc"
    return [f"evaluation.metrics=[{scored}]", f"evaluation.n={min(config.evaluation.n, 1000)}"]


def length(steps: int | None) -> list[str]:
    """The settings that follow from the number of steps; the averages of a short run forget faster."""
    if steps is None:
        return []
    every = max(steps // SCORES, 1)
    ema = round(1 - max(10 / steps, 0.001), 5)
    often = [f"evaluation.every={every}", f"checkpoints.every={every}", f"monitoring.samples_every={steps}"]
    return [f"steps={steps}", f"decay.horizon={steps}", f"ema={ema}", *often]


def priced(study: Study) -> dict[str, Price]:
    """What each arm costs, from real steps."""
    rehearsal = Rehearsal(Configs(study))
    prices = {}
    for arm in study.arms:
        pair = (arm, next(iter(study.settings)))
        if lacking := missing(rehearsal.configs.pair(*pair)):
            raise UsageError(lacking, "fetch it first: `steadygan data fetch NAME`")
        rehearsal.time(pair)
        if pair in rehearsal.impossible:
            raise UsageError(f"arm {arm!r}: {rehearsal.impossible[pair]}")
        steps = rehearsal.configs.pair(*pair).steps
        a_step = rehearsal.steps[pair]
        prices[arm] = Price(a_step, rehearsal.cell_seconds(pair) - steps * a_step)
    return prices


def affordable(prices: list[Price], seconds: float) -> int:
    """Steps a cell that so many seconds of workers pay for, in round numbers."""
    left = seconds / seeds_for(len(prices)) - sum(price.cell for price in prices)
    steps = int(left / sum(price.step for price in prices))
    return steps - steps % (100 if steps >= 1000 else 10)
