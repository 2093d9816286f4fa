"""Config: everything that decides a run, as one frozen model that goes to YAML and back."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BeforeValidator, Field, NonNegativeInt, PlainSerializer, PositiveInt, ValidationError

from steadygan import yaml12
from steadygan.augmentation import AUGMENTATIONS, Augmentation
from steadygan.data import SOURCES
from steadygan.data.source import Source
from steadygan.diagnosis import DEFAULT_RULES, RULES
from steadygan.diagnosis.base import Rule
from steadygan.errors import ConfigError
from steadygan.evaluation import EXTRACTORS, METRICS
from steadygan.evaluation.base import Extractor, Metric
from steadygan.losses import LOSSES, Loss
from steadygan.monitoring import DEFAULT_PROBES, PROBES
from steadygan.monitoring.base import Probe
from steadygan.networks import ARCHITECTURES
from steadygan.networks.base import Architecture
from steadygan.overrides import assign
from steadygan.parts import Part, Settings, Table, explain
from steadygan.stabilizers import STABILIZERS
from steadygan.stabilizers.base import Stabilizer
from steadygan.training.optimizers import OPTIMIZERS, Adam, OptimizerPart
from steadygan.training.precision import PrecisionName

P = TypeVar("P", bound=Part)
SPEC = PlainSerializer(lambda part: part.spec(), return_type=dict)
SPECS = PlainSerializer(lambda parts: [part.spec() for part in parts], return_type=list)


def one(table: Table[P]) -> BeforeValidator:
    """Accepts whatever `table` can build."""
    return BeforeValidator(table.build)


def many(table: Table[P]) -> BeforeValidator:
    """Accepts a list of whatever `table` can build."""

    def build(values: object) -> tuple[P, ...]:
        listed = values if isinstance(values, Sequence) and not isinstance(values, str) else [values]
        return tuple(table.build(value, f"{table.family}s[{i}]") for i, value in enumerate(listed))

    return BeforeValidator(build)


class Player(Settings):
    """How one player learns."""

    optimizer: Annotated[OptimizerPart, one(OPTIMIZERS), SPEC] = Adam()


class Decay(Settings):
    """The fall of both learning rates: see `training.optimizers.Schedule`. It does not move with `steps`, so that a run
    that is taken further later is the run that was asked for at once."""

    horizon: PositiveInt | None = None
    hold: Annotated[float, Field(ge=0, le=1)] = 0.0
    final: Annotated[float, Field(ge=0, le=1)] = 0.0


class Monitoring(Settings):
    """What is measured while training, and how often in steps.

    Attributes:
        budget: of the probes, as a share of the time between readings: 0.01 is one second in a hundred. Those that cost most
            are then read less often. None reads all of them at every reading, so that two runs of one seed have the same
            series: how long a probe takes is never the same twice.
    """

    every: PositiveInt = 100
    probes: Annotated[tuple[Probe, ...], many(PROBES), SPECS] = DEFAULT_PROBES
    budget: Annotated[float, Field(gt=0)] | None = None
    samples_every: PositiveInt = 250
    heldout: NonNegativeInt = 256  # examples never trained on; at most a tenth of the data


class Evaluation(Settings):
    """Scores on samples of the averaged generator; `every` 0 scores at the end only."""

    every: NonNegativeInt = 500
    n: PositiveInt = 1000
    extractor: Annotated[Extractor, one(EXTRACTORS), SPEC] = EXTRACTORS.build("efficientnet-lite0")
    metrics: Annotated[tuple[Metric, ...], many(METRICS), SPECS] = (METRICS.build("kid"),)


class Checkpoints(Settings):
    """`last` every so many steps, and `keep` numbered ones beside it."""

    every: PositiveInt = 250
    keep: NonNegativeInt = 0


class Rollback(Settings):
    """How often a run may go back to `checkpoints/safe` of its own accord, and how long a remedy is on probation, in steps."""

    at_most: NonNegativeInt = 3
    probation: PositiveInt = 600


class Config(Settings):
    """All settings of a run. Every field has a default but `data`; a recipe or a plan fills in the rest.

    Attributes:
        resolution, channels: None keeps what the data has.
        conditional: use the labels, where the data has some.
        ema: decay of the generator's moving average a step.
        threads: 0 chooses by timing.
        on_finding: verdict, or `any` for every failure, -> what the run does of its own accord: `report` it, `stop`, or
            `rollback` to `checkpoints/safe` with the remedy for the likeliest cause.
        rollback: how often, and how long a remedy is on probation.
    """

    recipe: str = "custom"
    data: Annotated[Source, one(SOURCES), SPEC]
    resolution: PositiveInt | None = None
    channels: Literal[1, 3, 4] | None = None
    conditional: bool = True
    steps: PositiveInt = 2000
    seed: NonNegativeInt = 0
    batch_size: PositiveInt = 64
    z_dim: PositiveInt = 128
    network: Annotated[Architecture, one(ARCHITECTURES), SPEC] = ARCHITECTURES.build("dcgan")
    loss: Annotated[Loss, one(LOSSES), SPEC] = LOSSES.build("hinge")
    stabilizers: Annotated[tuple[Stabilizer, ...], many(STABILIZERS), SPECS] = (STABILIZERS.build("spectral_norm"),)
    augmentations: Annotated[tuple[Augmentation, ...], many(AUGMENTATIONS), SPECS] = ()
    n_critic: PositiveInt = 1
    discriminator: Player = Player()
    generator: Player = Player()
    decay: Decay = Decay()
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.998
    monitoring: Monitoring = Monitoring()
    evaluation: Evaluation = Evaluation()
    rules: Annotated[tuple[Rule, ...], many(RULES), SPECS] = DEFAULT_RULES
    checkpoints: Checkpoints = Checkpoints()
    on_finding: dict[str, Literal["report", "stop", "rollback"]] = Field(default_factory=dict)
    rollback: Rollback = Rollback()
    device: str = "auto"
    precision: Literal["auto"] | PrecisionName = "auto"
    threads: NonNegativeInt = 0

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Config":
        """The config that a plain mapping describes.

        Raises:
            ConfigError: names the key, what was found and the nearest valid key.
        """
        try:
            return cls.model_validate(dict(settings))
        except ValidationError as error:
            raise ConfigError(*explain(error, cls, "")) from None

    @property
    def optimizer_settings(self) -> dict[str, Collection[str]]:
        """The names of the settings that each player's optimizer has."""
        players = {"discriminator": self.discriminator, "generator": self.generator}
        return {name: type(player.optimizer).model_fields for name, player in players.items()}

    def mapping(self) -> dict[str, Any]:
        """The plain mapping that `of` turns back into this config."""
        return self.model_dump(mode="json")

    def yaml(self) -> str:
        """The config as YAML, in the order of the fields."""
        return yaml12.write(self.mapping())

    def changed(self, assignments: Sequence[str]) -> "Config":
        """This config with `key.subkey=value` assignments made; values are read as YAML."""
        settings = self.mapping()
        for assignment in assignments:
            assign(settings, assignment)
        return Config.of(settings)


def read_mapping(path: Path) -> dict[str, Any]:
    """The mapping in a YAML or JSON file."""
    if not path.is_file():
        raise ConfigError(f"{path}: there is no such file")
    try:
        settings = yaml12.read(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not readable as YAML or JSON: {str(error).splitlines()[0]}") from None
    if not isinstance(settings, dict):
        raise ConfigError(f"{path}: expected a mapping of settings, got {type(settings).__name__}")
    return settings
