"""Lints of what the players return, one function each."""

from collections.abc import Iterator

from torch import Tensor

from steadygan.planning.lints.answers import SQUASHING
from steadygan.planning.lints.base import Lint, Setup
from steadygan.planning.lints.networks import batch_norms, dropouts

MARGIN, SHARE = 0.05, 0.01  # how far beyond the generator's range a number may lie, and how many may lie further
FILLED = 0.25  # of the generator's range, that data should fill
SCALES_APART = 8.0  # 800 starts of our own recipes for points were between 0.27 and 5.2
UNSTEADY = 0.3  # standard deviations of the logits; torch's old spectral norm starts at 0.2 at most, dropout of 5% above 0.3


def output_range(setup: Setup) -> Iterator[Lint]:
    """The range of what the generator makes, against that of the data.

    A tanh cannot reach data outside [-1, 1]: sure. Data that fill half of its range, or samples on a scale more than eight
    times off at the start: such games train, but the discriminator wins at a glance; a rule of thumb, not measured.
    """
    if setup.fakes is None or setup.real is None:
        return
    (fake, function), real = setup.fakes, setup.real.float()
    found = beyond(real, function) if function else apart(fake, real)
    if found:
        yield Lint("output_range", "generator", *found)


def beyond(real: Tensor, function: str) -> tuple[str, str] | None:
    """(message, advice) where the data leave the range of the generator's last function, or fill little of it."""
    (low, high), least, most = SQUASHING[function], float(real.min()), float(real.max())
    says, data = f"ends in {function}, which fills {low:g}..{high:g}", f"{least:.3g}..{most:.3g}"
    share = float(((real < low - MARGIN) | (real > high + MARGIN)).float().mean())
    if share > SHARE:
        message = f"{says}, and {share:.0%} of the data's numbers lie outside, in {data}"
        return message, f"bring the data to {low:g}..{high:g}, or leave the {function} out"
    if most - least < FILLED * (high - low) or (least >= 0 > low):
        return f"{says}, and the data fill {data}", f"bring the data to {low:g}..{high:g}"
    return None


def apart(fake: Tensor, real: Tensor) -> tuple[str, str] | None:
    """(message, advice) where samples are far wider, narrower or away from the data."""
    spread = float(real.std())
    reach, narrow = float((fake - real.mean()).square().mean().sqrt()) / spread, float(fake.std()) / spread
    if reach <= SCALES_APART and narrow >= 1 / SCALES_APART:
        return None
    what = f"{reach:.3g} times as far from the data's mean as the data are" if reach > SCALES_APART else f"{narrow:.2g} as wide"
    return f"its samples start {what}", "divide the data by their spread, or multiply the generator's output by it"


def logits_not_flat(setup: Setup) -> Iterator[Lint]:
    """Logits [B, 1]: `[B, 1] - [B]` is [B, B] in silence. Sure; our own loop refuses them."""
    if setup.answers and setup.real is not None and setup.answers.shape == (len(setup.real), 1):
        message = f"returns [B, 1] = {list(setup.answers.shape)}, and [B, 1] - [B] broadcasts to [B, B] in silence"
        yield Lint("logits_not_flat", "discriminator", message, "return logits.flatten()")


def probabilities_for_logits(setup: Setup) -> Iterator[Lint]:
    """A sigmoid behind the discriminator: a loss on logits takes a second one. Sure, but for a loss on probabilities."""
    if setup.answers and setup.answers.function == "sigmoid":
        message = "ends in a sigmoid: a loss on logits takes a second one, which is nearly flat on 0..1"
        yield Lint("probabilities_for_logits", "discriminator", message, "leave the sigmoid out; keep it only before BCELoss")


def unsteady_logits(setup: Setup) -> Iterator[Lint]:
    """The self-test: one batch, one mode, two calls, different logits. Real and fake are judged by different networks.

    Sure that it is so; how much it harms was not measured.
    """
    answers = setup.answers
    if answers is None or (setup.scene.normalized and dropouts(setup.scene)):  # the audit's trap has said it
        return
    difference = float((answers.logits - answers.again).abs().mean())
    if difference > UNSTEADY * answers.spread:
        cause = f"{', '.join(dropouts(setup.scene)) or 'a random or a stateful layer'}"
        message = (
            f"two calls on one batch differ by {difference / answers.spread:.2g} standard deviations of its logits ({cause}): "
            "real and fake are judged by different networks"
        )
        yield Lint("unsteady_logits", "discriminator", message, "leave dropout and noise out; augmentation does without them")


def logits_change_with_mode(setup: Setup) -> Iterator[Lint]:
    """The same batch in training and in evaluation mode, where no batch norm and no dropout explains the difference.

    Accuracies that are read in the other mode are then of another network (the puzzle of ganhacks, issue 45). Sure.
    """
    answers = setup.answers
    if answers is None or batch_norms(setup.scene) or dropouts(setup.scene):
        return
    difference = float((answers.again - answers.other).abs().mean())
    if difference > answers.spread:
        message = (
            f"logits differ between training and evaluation mode by {difference / max(answers.spread, 1e-12):.2g} standard "
            "deviations: what is measured in one mode is not what trains in the other"
        )
        yield Lint(
            "logits_change_with_mode", "discriminator", message, "let the mode change nothing, or measure in training mode"
        )


OUTPUT_LINTS = (output_range, logits_not_flat, probabilities_for_logits, unsteady_logits, logits_change_with_mode)
