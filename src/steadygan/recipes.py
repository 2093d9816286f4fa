"""Named, complete configs. Each is a function of its data; the rest is written out, so that it can be read and copied."""

from collections.abc import Callable

from steadygan.augmentation import DiffAugment
from steadygan.config import Checkpoints, Config, Decay, Evaluation, Monitoring, Player
from steadygan.data.known_sources import FashionMnistTest
from steadygan.data.source import Source
from steadygan.data.toy import Grid, Mixture, Ring
from steadygan.errors import ConfigError
from steadygan.evaluation import Metric, ModeCoverage, Neighbours, Points
from steadygan.losses import Hinge, NonSaturating, RelativisticPairing, Wasserstein
from steadygan.networks import Dcgan, Mlp, Resnet
from steadygan.parts import near_miss
from steadygan.stabilizers import R1, R2, GradientPenalty, SpectralNormalization, WeightClipping
from steadygan.training.optimizers import Adam, RMSProp


def fashion(data: Source | None = None) -> Config:
    """Conditional SN-DCGAN that learns 28x28 Fashion-MNIST on one CPU core in minutes: the main job."""
    return Config(
        recipe="fashion",
        data=data or FashionMnistTest(),
        steps=4000,
        z_dim=64,
        network=Dcgan(width=16, extra_layers="generator"),
        loss=Hinge(),
        stabilizers=(SpectralNormalization(coefficient=2.0),),
        discriminator=Player(optimizer=Adam(learning_rate=4e-3)),
        generator=Player(optimizer=Adam(learning_rate=4e-3)),
        decay=Decay(horizon=4000, hold=0.7, final=0.02),
        ema=0.999,
    )


def sngan(data: Source | None = None) -> Config:
    """The SN-GAN paper's ResNet, hinge loss, five critic updates. Miyato et al. 2018, arXiv:1802.05957. Wants a GPU."""
    return Config(
        recipe="sngan",
        data=data or FashionMnistTest(),
        resolution=32,
        steps=100_000,
        network=Resnet(),
        stabilizers=(SpectralNormalization(n_power_iterations=1),),
        n_critic=5,
        discriminator=Player(optimizer=Adam(learning_rate=2e-4)),
        generator=Player(optimizer=Adam(learning_rate=2e-4)),
        decay=Decay(horizon=100_000),
        ema=0.999,
        monitoring=Monitoring(every=500, samples_every=2500),
        evaluation=Evaluation(every=5000),
    )


def dcgan(data: Source | None = None) -> Config:
    """DCGAN with batch norm in both players and no stabilizer: the baseline. Radford et al. 2016, arXiv:1511.06434."""
    return Config(
        recipe="dcgan",
        data=data or FashionMnistTest(),
        network=Dcgan(norm_discriminator="batch"),
        loss=NonSaturating(),
        stabilizers=(),
        discriminator=Player(optimizer=Adam(beta1=0.5, beta2=0.999)),
        generator=Player(optimizer=Adam(beta1=0.5, beta2=0.999)),
    )


def wgan(data: Source | None = None) -> Config:
    """The first Wasserstein GAN: clipped weights, RMSProp, five critic updates. Arjovsky et al. 2017, arXiv:1701.07875."""
    return Config(
        recipe="wgan",
        data=data or FashionMnistTest(),
        network=Dcgan(),
        loss=Wasserstein(),
        stabilizers=(WeightClipping(),),
        n_critic=5,
        discriminator=Player(optimizer=RMSProp()),
        generator=Player(optimizer=RMSProp()),
    )


def wgan_gp(data: Source | None = None) -> Config:
    """Wasserstein GAN with a gradient penalty. Gulrajani et al. 2017, arXiv:1704.00028, with its Adam(1e-4, 0, 0.9)."""
    return Config(
        recipe="wgan_gp",
        data=data or FashionMnistTest(),
        network=Dcgan(),
        loss=Wasserstein(),
        stabilizers=(GradientPenalty(),),
        n_critic=5,
        discriminator=Player(optimizer=Adam(learning_rate=1e-4)),
        generator=Player(optimizer=Adam(learning_rate=1e-4)),
    )


def r3gan(data: Source | None = None) -> Config:
    """Relativistic pairing with R1 and R2 and no norm in either player, after Huang et al. 2024, arXiv:2501.05441."""
    return Config(
        recipe="r3gan",
        data=data or FashionMnistTest(),
        network=Dcgan(norm_generator="none"),
        loss=RelativisticPairing(),
        stabilizers=(R1(gamma=1.0), R2(gamma=1.0)),
        discriminator=Player(optimizer=Adam(beta2=0.99)),
        generator=Player(optimizer=Adam(beta2=0.99)),
        ema=0.999,
    )


def small(data: Source | None = None) -> Config:
    """The main job's recipe with differentiable augmentation, for a few hundred images. Zhao et al. 2020, arXiv:2006.10738."""
    return fashion(data).with_(recipe="small", augmentations=(DiffAugment(),))


def ring(data: Source | None = None) -> Config:
    """The 2-D ring of 8 Gaussians under spectral normalization at coefficient 2, non-saturating loss."""
    return points(data or Ring(), "ring", steps=8000)


def grid(data: Source | None = None) -> Config:
    """The 2-D grid of 25 Gaussians, as `ring` but longer."""
    return points(data or Grid(), "grid", steps=24_000)


def ring_r1r2(data: Source | None = None) -> Config:
    """The 2-D ring of 8 Gaussians with relativistic pairing, R1 and R2, after Huang et al. 2024, arXiv:2501.05441."""
    return penalized(points(data or Ring(), "ring_r1r2", steps=8000))


def grid_r1r2(data: Source | None = None) -> Config:
    """The 2-D grid of 25 Gaussians, as `ring_r1r2` but longer."""
    return penalized(points(data or Grid(), "grid_r1r2", steps=24_000))


def points(data: Source, name: str, steps: int) -> Config:
    """What the recipes for points share: small networks, one high rate for both, held for half the run and then brought to 0.

    The networks see points divided by the data's spread, so that one coefficient and one gamma serve any scale.
    """
    adam = Adam(learning_rate=3e-3, beta2=0.99)
    return Config(
        recipe=name,
        data=data,
        steps=steps,
        batch_size=128,
        z_dim=2,
        network=Mlp(width=64, depth_generator=4, scale=float(data.open().examples.std(0).mean())),
        loss=NonSaturating(),
        stabilizers=(SpectralNormalization(coefficient=2.0, n_power_iterations=1),),
        discriminator=Player(optimizer=adam),
        generator=Player(optimizer=adam),
        decay=Decay(horizon=steps, hold=0.5),
        ema=0.9985,
        monitoring=Monitoring(every=200, samples_every=2000),
        evaluation=Evaluation(every=steps // 8, n=2500, extractor=Points(), metrics=metrics_for(data)),
        checkpoints=Checkpoints(every=1000),
        precision="float32",
        threads=1,
    )


def penalized(config: Config) -> Config:
    """The same with R1 and R2, whose gamma falls from 0.1 to 0.001 over four fifths of the run, in place of normalization."""
    fall = {"gamma": 0.1, "gamma_final": 0.001, "until": config.steps * 4 // 5}
    return config.with_(loss=RelativisticPairing(), stabilizers=(R1(**fall), R2(**fall)))


def metrics_for(data: Source) -> tuple[Metric, ...]:
    """Mode coverage where the modes are known."""
    if isinstance(data, Mixture):
        return (ModeCoverage(centers=tuple(map(tuple, data.centers.tolist())), std=data.std),)
    return (Neighbours(),)


RECIPES: dict[str, Callable[..., Config]] = {
    recipe.__name__: recipe for recipe in (fashion, sngan, dcgan, wgan, wgan_gp, r3gan, small, ring, grid, ring_r1r2, grid_r1r2)
}


def recipe(name: str, data: Source | None = None) -> Config:
    """The recipe named `name`, on `data` or on its own.

    Raises:
        ConfigError: there is no such recipe; names the nearest.
    """
    if name not in RECIPES:
        raise ConfigError(f"recipe: there is no {name!r}", f"{near_miss(name, RECIPES)}known: {', '.join(RECIPES)}")
    return RECIPES[name](data)
