"""What a study will take, before anything runs: cells, time and disk, and which pairs cannot be built at all.

Real steps are timed, on the machine at hand, within a budget of seconds: the reference arm at each setting and each arm at the
first setting. A pair that was not timed itself takes the product of the two ratios. Data that would have to be fetched are not.
Of cells that run somebody's own program, neither time nor disk is known.
"""

import time
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import torch

from steadygan.assembly import new_state, open_data
from steadygan.config import Config
from steadygan.data.fetch import is_fetched
from steadygan.data.known import KNOWN
from steadygan.data.source import Dataset
from steadygan.data.streams import Stream
from steadygan.environment import device_named
from steadygan.errors import ConfigError, SteadyganError
from steadygan.study.cells import Cell
from steadygan.study.configs import Configs, shape_of
from steadygan.study.study import Study
from steadygan.training.checkpoint import size_of
from steadygan.training.loop import State, train_steps
from steadygan.training.precision import FLOAT32
from steadygan.training.step import Method

BUDGET = 0.8  # seconds for all that is timed
STEPS = 2  # timed after one that warms up
READINGS = 1.1  # probes and drawing, in shares of the training time
PER_CELL = 0.5  # seconds to open, report and close a run
PER_IMAGE = 0.003  # seconds for the features of an image in a score, one core
PER_SCORE = 0.25  # seconds for a score of points
BESIDE = 300_000  # bytes that a run keeps beside its three checkpoints
NOT_OURS = "cells run a program of your own"
Pair = tuple[str, str]


@dataclass(frozen=True)
class Estimate:
    """What a study will take.

    Attributes:
        cells: in all; `left`: still to be run.
        seconds: of one worker's time for what is left, by arm; empty where nothing could be timed.
        disk: bytes that all cells take in the end; 0 where that is not known.
        timed: pairs whose steps were timed; `untimed`: why others, or all, were not.
        device: where the cells would run.
        impossible: pair -> why it cannot be built.
    """

    cells: int
    left: int
    seconds: Mapping[str, float]
    disk: int
    timed: int
    untimed: str
    device: str
    impossible: Mapping[Pair, str] = field(default_factory=dict)


def estimate(study: Study, done: Collection[Cell] = (), budget: float = BUDGET) -> Estimate:
    """What a study will take beyond the cells that are done.

    Raises:
        ConfigError: an assignment cannot be made; names the arm and the setting.
    """
    rehearsal = Rehearsal(Configs(study))
    if study.command:
        deque(rehearsal.configs.all(), maxlen=0)  # an assignment that cannot be made is told here as everywhere
        cells = study.cells()
        return Estimate(len(cells), len({*cells}.difference(done)), {}, 0, 0, NOT_OURS, "")
    for pair in telling_pairs(study):
        if rehearsal.spent < budget:
            rehearsal.time(pair)
    known = set(done)
    left = [cell for cell in study.cells() if cell not in known]
    seconds: dict[str, float] = {}
    for cell in left if rehearsal.steps else ():
        seconds[cell.arm] = seconds.get(cell.arm, 0.0) + rehearsal.cell_seconds((cell.arm, cell.setting))
    disk = sum(rehearsal.disk((cell.arm, cell.setting)) for cell in study.cells())
    told = len(rehearsal.steps), rehearsal.reason, rehearsal.device
    return Estimate(len(study.cells()), len(left), seconds, disk, *told, rehearsal.impossible)


def telling_pairs(study: Study) -> list[Pair]:
    """The reference arm at each setting and each arm at the first, the corner first; pairs left out are not among them."""
    arms, settings = list(study.arms), list(study.settings)
    pairs = [(study.compared_with, setting) for setting in settings] + [(arm, settings[0]) for arm in arms]
    return [pair for pair in dict.fromkeys(pairs) if study.why_not(*pair) is None]


def check_possible(study: Study) -> None:
    """Build the players of each pair once, where the data are at hand.

    Raises:
        ConfigError: a pair cannot be built; says which and why.
    """
    rehearsal, seen = Rehearsal(Configs(study)), set()
    for arm, setting, config in rehearsal.configs.all():
        if (shape := shape_of(config)) not in seen and not missing(config):
            seen.add(shape)
            rehearsal.state((arm, setting))
    for (arm, setting), why in rehearsal.impossible.items():
        problem = f"arm {arm!r} at setting {setting!r}: {why}"
        raise ConfigError(problem, "leave the pair out: `leave_out: [{arm: ..., setting: ..., why: ...}]`")


class Rehearsal:
    """Steps that are timed and thrown away."""

    def __init__(self, configs: Configs) -> None:
        self.configs = configs
        self.steps: dict[Pair, float] = {}
        self.sizes: dict[Pair, int] = {}
        self.impossible: dict[Pair, str] = {}
        self.spent, self.reason, self.device = 0.0, "", ""
        self._data: dict[str, Dataset] = {}

    def time(self, pair: Pair) -> None:
        """Time the steps of a pair, or say why not."""
        config, since = self.configs.pair(*pair), time.perf_counter()
        self.device = config.device
        self.reason = missing(config) or self.reason
        if not missing(config) and (state := self.state(pair)) is not None:
            self.device = state.device.type
            stream = Stream(self.data(config), config.batch_size, config.seed, state.device)
            method = Method(config.loss, config.stabilizers, config.augmentations, config.n_critic, FLOAT32)
            self.steps[pair] = seconds_of_steps(state, stream, method)
        if len(self.steps) != 1:  # the first one pays for what torch imports at its first step
            self.spent += time.perf_counter() - since

    def state(self, pair: Pair) -> State | None:
        """The players of a pair before the first step; None, and a reason kept, where they cannot be built."""
        config = self.configs.pair(*pair)
        try:
            data = self.data(config)
            state = new_state(config, data, device_named(config.device))
        except SteadyganError as error:
            self.impossible[pair] = str(error)
            return None
        self.sizes[pair] = size_of(state)
        return state

    def data(self, config: Config) -> Dataset:
        """The data of a config, opened once."""
        key = f"{config.data.spec()} {config.resolution} {config.channels} {config.conditional}"
        if key not in self._data:
            self._data[key] = open_data(config)
        return self._data[key]

    def step_seconds(self, pair: Pair) -> float:
        """Seconds of a step, timed or by the product of two ratios."""
        if pair in self.steps:
            return self.steps[pair]
        arm, setting = pair
        study = self.configs.study
        first, reference = next(iter(study.settings)), study.compared_with
        mean = sum(self.steps.values()) / len(self.steps)
        corner = self.steps.get((reference, first), mean)
        return self.steps.get((reference, setting), corner) * self.steps.get((arm, first), corner) / corner

    def cell_seconds(self, pair: Pair) -> float:
        """Seconds of a cell: its steps with what is read of them, its scores, its opening and closing."""
        config = self.configs.pair(*pair)
        evaluation = config.evaluation
        scores = 1 + (config.steps - 1) // evaluation.every if evaluation.every else 1
        images = evaluation.extractor.name not in ("points", "pixels")
        each = PER_IMAGE * evaluation.n * (1 + 2 / scores) if images else PER_SCORE
        return READINGS * config.steps * self.step_seconds(pair) + scores * each + PER_CELL

    def disk(self, pair: Pair) -> int:
        """Bytes of a cell: three checkpoints and those that are numbered, and the rest."""
        known = self.sizes.get(pair) or max(self.sizes.values(), default=0)
        return (3 + self.configs.pair(*pair).checkpoints.keep) * known + BESIDE


def seconds_of_steps(state: State, stream: Stream, method: Method) -> float:
    """Seconds of a step: of processor time, which other programs do not stretch, or of the clock where a device does it."""
    on_device = state.device.type == "cuda"
    clock = time.perf_counter if on_device else time.process_time
    moments = [clock() for _ in train_steps(state, stream, method, 1 + STEPS)]
    if on_device:
        torch.cuda.synchronize(state.device)
    return (clock() - moments[0]) / STEPS


def missing(config: Config) -> str:
    """What a config wants that is not here, in words; "" where all is."""
    try:
        device_named(config.device)
    except ConfigError as error:
        return error.problem
    absent = [name for name in names_in(config.data.spec()) if name in KNOWN and not is_fetched(KNOWN[name])]
    return f"data: {absent[0]} is not on this machine yet" if absent else ""


def names_in(spec: object) -> list[str]:
    """Every name in the spec of a part that may hold others."""
    if not isinstance(spec, dict):
        return []
    own = [spec["name"]] if isinstance(spec.get("name"), str) else []
    return [*own, *(name for value in spec.values() for name in names_in(value))]
