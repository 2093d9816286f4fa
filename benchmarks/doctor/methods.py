"""How the suite's games are played: the plain game of each kind of data, and the methods, each as what it changes in that."""

from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import PositiveInt

from steadygan.config import Config, Decay, Monitoring, Player
from steadygan.data.source import Source
from steadygan.game import Networks
from steadygan.losses import Hinge, LeastSquares, Minimax, NonSaturating, RelativisticPairing, Wasserstein
from steadygan.monitoring import Averaged, Cells, Diversity, InputGradient, Labels, Logits, Spectrum
from steadygan.networks import Dcgan, Mlp
from steadygan.networks.base import Architecture, Spec
from steadygan.stabilizers import R1, R2, Dragan, GradientPenalty, InstanceNoise, SpectralNormalization, Stabilizer
from steadygan.training.optimizers import SGD, Adam, OptimizerPart

EVERY = 50  # steps from one reading to the next
# Named one by one, so that a new default of the product changes no run that is stored.
PROBES = (Logits(), InputGradient(n=64), Diversity(n=256), Averaged(), Cells(n=128, k=25), Labels(), Spectrum())
RATE, RATE_OF_IMAGES = 2e-3, 1e-3


class Uneven(Architecture):
    """Players of different widths: `Mlp` for points, `Dcgan` for images."""

    name: Literal["uneven"] = "uneven"
    of_generator: PositiveInt
    of_discriminator: PositiveInt

    def build(self, spec: Spec) -> Networks:
        """The generator of one width, the discriminator of another."""
        make = plain_dcgan if len(spec.shape) == 3 else plain_mlp
        return Networks(make(self.of_generator).generator(spec), make(self.of_discriminator).discriminator(spec))


def plain_mlp(width: int = 64, **settings: Any) -> Mlp:
    """Two hidden layers: those of the 2-D experiments of VEEGAN and PacGAN, but smaller."""
    return Mlp(width=width, depth_generator=2, depth_discriminator=2, **settings)


def plain_dcgan(width: int = 8, **settings: Any) -> Dcgan:
    """From 16x16 to 4x4 and back."""
    return Dcgan(width=width, **settings)


def plain_points(source: Source) -> Config:
    """The plain game of points: non-saturating loss, Adam and nothing to steady it."""
    return Config(
        recipe="doctor-points",
        data=source,
        steps=3000,
        batch_size=128,
        z_dim=16,
        network=plain_mlp(),
        loss=NonSaturating(),
        stabilizers=(),
        ema=0.995,
        monitoring=Monitoring(every=EVERY, probes=PROBES),
        precision="float32",
        device="cpu",
        threads=1,
        **players(RATE),
    )


def plain_images(source: Source) -> Config:
    """The plain game of images: the same with convolutions, and batch norm in the generator; without labels."""
    plain = plain_points(source)
    changes = {"steps": 1500, "batch_size": 64, "z_dim": 32, "network": plain_dcgan(), "conditional": False}
    return plain.with_(recipe="doctor-images", **changes, **players(RATE_OF_IMAGES))


def players(rate: float, d: float = 1, g: float = 1, beta1: float = 0.5, beta2: float = 0.99) -> dict[str, Any]:
    """Adam for both, the rate times `d` for the discriminator and times `g` for the generator."""
    return each(*(Adam(learning_rate=rate * times, beta1=beta1, beta2=beta2) for times in (d, g)))


def each(discriminator: OptimizerPart, generator: OptimizerPart) -> dict[str, Any]:
    """The two players' settings."""
    return {"discriminator": Player(optimizer=discriminator), "generator": Player(optimizer=generator)}


@dataclass(frozen=True)
class Method:
    """What is changed in the plain game, the headlines that are right for that, and how few examples it trains on (0: all)."""

    changes: dict[str, Any] = field(default_factory=dict)
    right: tuple[str, ...] = ()
    few: int = 0


def with_(*stabilizers: Stabilizer, right: tuple[str, ...] = (), few: int = 0, **changes: Any) -> Method:
    """The plain game with stabilizers and other changes."""
    return Method({"stabilizers": stabilizers, **changes}, right, few)


def sn(product: float) -> SpectralNormalization:
    """All three layers to one norm; `product` is that of the three, a bound on the slope."""
    return SpectralNormalization(coefficient=product ** (1 / 3), n_power_iterations=1)


def falling(steps: int) -> dict[str, Any]:
    """Both rates fall to a fiftieth over the second half."""
    return {"decay": Decay(horizon=steps, hold=0.5, final=0.02)}


TIGHT, WINS = ("NORMALIZATION-TOO-TIGHT",), ("DISCRIMINATOR-WINS",)
OVERFITS = ("DISCRIMINATOR-OVERFITS", "GENERATOR-MEMORIZES")


def shared(rate: float) -> dict[str, Method]:
    """The methods that any data are played with."""
    return {
        "plain": Method(),
        "sn1": with_(sn(1), right=TIGHT),
        "sn8": with_(sn(8)),
        "sn32": with_(sn(32)),
        "hinge_plain": with_(loss=Hinge()),
        "hinge_sn8": with_(sn(8), loss=Hinge(), right=TIGHT),  # where it is sick at all hinge_sn32 is not
        "hinge_sn32": with_(sn(32), loss=Hinge()),
        "wgan_plain": with_(loss=Wasserstein()),
        "wgan_sgd": with_(loss=Wasserstein(), **each(SGD(learning_rate=0.01), SGD(learning_rate=0.01))),
        "ls_plain": with_(loss=LeastSquares()),
        "ls_sn8": with_(sn(8), loss=LeastSquares()),
        "minimax": with_(loss=Minimax()),
        "d_fast": with_(right=WINS, **players(rate, d=10)),
        "g_fast": with_(**players(rate, g=10)),
        "both_fast": with_(**players(rate, d=10, g=10)),
        "both_x100": with_(**players(rate, d=100, g=100)),
        "g_slow": with_(right=WINS, **players(rate, g=0.1)),
        "beta9": with_(**players(rate, beta1=0.9)),
        "adam09_sn8": with_(sn(8), **players(rate, beta1=0, beta2=0.9)),
        "batch16_sn32": with_(sn(32), batch_size=16),
        "batch32_sn8": with_(sn(8), batch_size=32),
        "slow_sn8": with_(sn(8), **players(rate, 0.3, 0.3)),
    }


def of_points() -> dict[str, Method]:
    """The methods on points."""
    r1, steps = R1(gamma=0.1), 3000
    return shared(RATE) | {
        "r1": with_(r1),
        "r1_strong": with_(R1(gamma=30)),
        "r1_sn8": with_(r1, sn(8)),
        "bn_d": with_(network=plain_mlp(norm_discriminator="batch")),
        "gp1": with_(GradientPenalty(weight=1), loss=Wasserstein()),
        "gp10": with_(GradientPenalty(weight=10), loss=Wasserstein(), right=TIGHT),
        "gp1_critic5": with_(GradientPenalty(weight=1), loss=Wasserstein(), n_critic=5),
        "dragan": with_(Dragan(weight=1)),
        "rel_r1r2": with_(r1, R2(gamma=0.1), loss=RelativisticPairing()),
        "rel_plain": with_(loss=RelativisticPairing()),
        "ls_r1": with_(r1, loss=LeastSquares()),
        "minimax_r1": with_(r1, loss=Minimax()),
        "d_fast_r1": with_(r1, **players(RATE, d=10)),
        "g_fast_sn32": with_(sn(32), **players(RATE, g=10)),
        "beta9_r1": with_(r1, **players(RATE, beta1=0.9)),
        "narrow_d": with_(network=Uneven(of_generator=64, of_discriminator=4)),
        "wide_r1": with_(r1, network=plain_mlp(128)),
        "few": with_(few=24, right=OVERFITS),
        "few_r1": with_(r1, few=24, right=OVERFITS),
        "sgd_r1": with_(r1, **each(SGD(learning_rate=0.02, momentum=0.5), SGD(learning_rate=0.02, momentum=0.5))),
        "adam09_r1": with_(r1, **players(RATE, beta1=0, beta2=0.9)),
        "batch16_r1": with_(r1, batch_size=16),
        "batch32_r1": with_(r1, batch_size=32),
        "slow_r1": with_(r1, **players(RATE, 0.2, 0.2)),
        "decay_r1": with_(r1, **falling(steps)),
        "decay_plain": with_(**falling(steps)),
        "noise_r1": with_(r1, InstanceNoise(noise_std=0.2, until=2000)),
    }


def of_images() -> dict[str, Method]:
    """The methods on images."""
    r1, steps = R1(gamma=1), 1500
    return shared(RATE_OF_IMAGES) | {
        "r1": with_(r1),
        "r1_weak": with_(R1(gamma=0.1)),
        "r1_strong": with_(R1(gamma=10)),
        "r1_sn8": with_(r1, sn(8)),
        "bn_d": with_(network=plain_dcgan(norm_discriminator="batch")),
        "gp10": with_(GradientPenalty(weight=10), loss=Wasserstein()),
        "dragan": with_(Dragan(weight=1)),
        "rel_r1r2": with_(r1, R2(gamma=1), loss=RelativisticPairing()),
        "ls_r1": with_(r1, loss=LeastSquares()),
        "d_fast_r1": with_(r1, **players(RATE_OF_IMAGES, d=10)),
        "beta9_r1": with_(r1, **players(RATE_OF_IMAGES, beta1=0.9)),
        "narrow_d": with_(network=Uneven(of_generator=8, of_discriminator=1)),
        "few": with_(few=100, right=OVERFITS),
        "few_sn8": with_(sn(8), few=100, right=OVERFITS),
        "adam09_r1": with_(r1, **players(RATE_OF_IMAGES, beta1=0, beta2=0.9)),
        "batch16_r1": with_(r1, batch_size=16),
        "slow_r1": with_(r1, **players(RATE_OF_IMAGES, 0.3, 0.3)),
        "decay_r1": with_(r1, **falling(steps)),
        "label_plain": with_(conditional=True),
        "label_r1": with_(r1, conditional=True),
        "label_sn8": with_(sn(8), conditional=True),
        "label_hinge_sn8": with_(sn(8), loss=Hinge(), conditional=True),
        "label_few": with_(few=100, right=OVERFITS, conditional=True),
    }
