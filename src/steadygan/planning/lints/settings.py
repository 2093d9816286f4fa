"""Lints of a config and its data, one function each."""

from collections.abc import Iterator

from steadygan.augmentation import Flip
from steadygan.config import Config
from steadygan.data.source import Dataset
from steadygan.losses import Wasserstein
from steadygan.planning.lints.base import Lint, Setup
from steadygan.planning.lints.networks import NEAR, dropouts, typical_distance
from steadygan.spectral.auditing.traps import listed
from steadygan.stabilizers import (
    R1,
    R2,
    AdversarialTraining,
    AuxiliaryClassifier,
    Consistency,
    Dragan,
    GradientNormalization,
    GradientPenalty,
    InstanceNoise,
    LeCam,
    Orthogonality,
    SpectralNormalization,
    SpectralRegularization,
    WeightNormalization,
)
from steadygan.stabilizers.base import Stabilizer

PENALTIES = (R1, R2, GradientPenalty, Dragan)
# They steady a discriminator, and leave it as steep as it likes.
SLACK = (
    *(InstanceNoise, Orthogonality, WeightNormalization, SpectralRegularization),
    *(LeCam, Consistency, AdversarialTraining),
)
FEW, SMALL, RATES_APART = 500, 8, 10.0


def steadies(stabilizer: Stabilizer) -> bool:
    """Whether a stabilizer acts on the discriminator's slope; one of the user's own is taken to."""
    if isinstance(stabilizer, SpectralNormalization):
        return stabilizer.on != "generator" and stabilizer.mode != "measure"
    if isinstance(stabilizer, Orthogonality):
        return stabilizer.on != "generator"
    return not isinstance(stabilizer, AuxiliaryClassifier)


def unregularized_discriminator(setup: Setup, config: Config, _: Dataset) -> Iterator[Lint]:
    """Nothing holds the discriminator back: no normalization, penalty, clipping, noise or decay.

    Ours, in 2-D: 2 of 6 runs ended stable, and 6 of 6 with R1 of gamma 0.1 beside it. Sure in 2-D.
    """
    decays = any(group.get("weight_decay") for group in (setup.optimizers[0].param_groups if setup.optimizers[0] else []))
    held = any(map(steadies, config.stabilizers)) or setup.scene.normalized or decays
    if not held and not isinstance(config.loss, Wasserstein):
        message = "nothing keeps the discriminator's slope in check: such games hop from mode to mode"
        yield Lint("unregularized_discriminator", "stabilizers", message, "add spectral_norm, or r1 with a small gamma")


def wasserstein_without_lipschitz(setup: Setup, config: Config, _: Dataset) -> Iterator[Lint]:
    """A Wasserstein loss whose critic may be as steep as it likes: the loss is then no distance, and has no bound.

    Arjovsky et al. 2017, arXiv:1701.07875, section 3. Ours, in 2-D: 4 of 4 runs failed under SGD and 3 of 4 under Adam at 20
    times the rate; under plain Adam none ended failed, though the critic's slope grew by a factor of 500. Half sure.
    """
    held = any(steadies(each) and not isinstance(each, SLACK) for each in config.stabilizers) or setup.scene.normalized
    if isinstance(config.loss, Wasserstein) and not held:
        message = "a Wasserstein loss needs a critic of bounded slope, and nothing bounds it"
        yield Lint(
            "wasserstein_without_lipschitz", "stabilizers", message, "add wgan_gp, or spectral_norm with a coefficient of 2"
        )


def tight_gradient_penalty(setup: Setup, config: Config, _: Dataset) -> Iterator[Lint]:
    """A gradient penalty that holds the slope at 1, on data so near each other that slope 1 cannot tell them apart.

    Ours, WGAN-GP in 2-D: at weight 10 6 of 6 runs hopped for ever, at weight 1 6 of 6 were stable. Sure for points.
    """
    penalties = (each for each in config.stabilizers if isinstance(each, GradientPenalty | Dragan))
    tight = next((each for each in penalties if each.weight >= 10 and each.target <= 1), None)
    if tight and setup.real is not None and (distance := typical_distance(setup.real)) < NEAR:
        message = (
            f"weight {tight.weight:g} holds the slope at {tight.target:g}, and two reals lie {distance:.2g} apart: the "
            "discriminator can hardly tell them apart, and the generator hops between modes"
        )
        yield Lint("tight_gradient_penalty", f"stabilizers.{tight.name}", message, "weight=1, or a target above 1")


def dropout_under_gradient_penalty(setup: Setup, config: Config, _: Dataset) -> Iterator[Lint]:
    """Dropout in a discriminator with a gradient penalty: the slope that is penalized is that of another network each time.

    From the argument alone; neither measured nor found in a paper. Under spectral norm the audit's trap speaks instead.
    """
    penalty = next((each.name for each in config.stabilizers if isinstance(each, PENALTIES)), "")
    if penalty and not setup.scene.normalized and (found := dropouts(setup.scene)):
        message = f"dropout: {penalty} bounds the slope of a thinned network, drawn anew, and not of the one that judges"
        yield Lint("dropout_under_gradient_penalty", f"discriminator.{listed(found)}", message, "leave dropout out")


def penalty_on_normalized_logits(_: Setup, config: Config, __: Dataset) -> Iterator[Lint]:
    """A penalty on the slope of logits that are divided by their slope already: the two pull against each other.

    Ours, on the ring: with WGAN-GP of weight 10 beside it W1 was 0.75 against 0.13, worse in 6 of 6 seeds; with R1 of gamma 0.1
    0.38; with WGAN-GP of weight 0.1 it was no better, 0.15, for 1.4 times the time. Sure in 2-D of weight 10.
    """
    penalty = next((each.name for each in config.stabilizers if isinstance(each, PENALTIES)), "")
    if penalty and any(isinstance(each, GradientNormalization) for each in config.stabilizers):
        message = f"gradient_normalization divides the logits by their slope, and {penalty} penalizes what is left of it"
        yield Lint("penalty_on_normalized_logits", f"stabilizers.{penalty}", message, "keep one of the two")


def learning_rates_far_apart(_: Setup, config: Config, __: Dataset) -> Iterator[Lint]:
    """Learning rates of the two players that differ by 10 or more, under one kind of optimizer.

    Ours, in 2-D: with a discriminator 10 times faster 2 of 3 runs lost modes on the ring, with a generator 10 times faster 5 of
    6 hopped on ring and grid, with one 10 times slower 2 of 3 lost modes on the ring. Sure at 10, on points; a discriminator
    four times faster is published practice (Zhang et al. 2018, arXiv:1805.08318).
    """
    first, second = config.discriminator.optimizer, config.generator.optimizer
    ratio = first.learning_rate / second.learning_rate
    if first.name == second.name and max(ratio, 1 / ratio) >= RATES_APART * (1 - 1e-9):
        faster = "discriminator" if ratio > 1 else "generator"
        does = "it wins and modes are lost" if ratio > 1 else "training hops from mode to mode"
        message = f"the {faster} learns {max(ratio, 1 / ratio):.3g} times as fast: {does}"
        yield Lint(
            "learning_rates_far_apart", f"{faster}.optimizer.learning_rate", message, "keep the rates within a factor of 4"
        )


def small_batch(_: Setup, config: Config, __: Dataset) -> Iterator[Lint]:
    """Batches below 8. Batch norm and the diagnosis both live on the spread within a batch; the quality was not measured."""
    if config.batch_size < SMALL:
        message = f"{config.batch_size} examples: statistics of a batch are noise, in batch norm and in the diagnosis"
        yield Lint("small_batch", "batch_size", message, "8 at least; with less, norm_generator layer or group")


def few_images(_: Setup, config: Config, dataset: Dataset) -> Iterator[Lint]:
    """Few images that are shown unchanged: the discriminator learns them by heart.

    Karras et al. 2020, arXiv:2006.06676, figure 1; Zhao et al. 2020, arXiv:2006.10738. Ours: on few digits in 4 of 4 runs, with
    spectral norm and without. Sure; the number 500 is a round one.
    """
    changed = any(not isinstance(each, Flip) for each in config.augmentations)
    if dataset.are_images and len(dataset) < FEW and not changed:
        message = f"{len(dataset)} images to train on, and none is augmented: the discriminator learns them by heart"
        yield Lint("few_images", "augmentations", message, "add diffaugment, or more data")


def missing_classes(_: Setup, __: Config, dataset: Dataset) -> Iterator[Lint]:
    """Labels that leave classes out, or all name one: a fault of the data (in BigGAN-PyTorch #26 all were 0). Sure."""
    if dataset.labels is None:
        return
    counts = dataset.labels.bincount(minlength=dataset.n_classes).tolist()
    unseen = [name for name, count in zip(dataset.class_names, counts, strict=True) if not count]
    if unseen:
        constant = len(unseen) == len(counts) - 1
        what = f"every label is {counts.index(max(counts))}" if constant else f"no example of {listed(unseen)}"
        message = f"{what}, of {dataset.n_classes} classes; the generator is asked for all of them"
        yield Lint("missing_classes", "data", message, "mend the labels, or conditional=false")


CONFIG_LINTS = (
    unregularized_discriminator,
    wasserstein_without_lipschitz,
    tight_gradient_penalty,
    dropout_under_gradient_penalty,
    penalty_on_normalized_logits,
    learning_rates_far_apart,
    small_batch,
    few_images,
    missing_classes,
)
