"""DiscriminatorOverfits: it knows the training images by heart and treats fresh ones as fakes."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import PositiveFloat, PositiveInt

from steadygan.diagnosis.base import Cause, Needs
from steadygan.diagnosis.course import Booleans, Course, lasting, mean
from steadygan.diagnosis.state import Says, StateRule, evidence
from steadygan.history import Floats

REAL, FAKE, HELD_OUT, SPREAD = "logit/real", "logit/fake", "logit/held_out", "logit_std/real"


class DiscriminatorOverfits(StateRule):
    """Held-out images score much lower than training images: r_v of Karras et al. 2020, arXiv:2006.06676, eq. 1.

    r_v = (real - held out) / (real - fake) has a vanishing denominator in a good game, where it raised false alarms in 22% of
    the stable runs. Asked only where the gap is above 0.3 standard deviations, digits with few examples read 0.8 to 1.4 and all
    others at most 0.05. The loss on training images alone (their r_t) does not separate, and means nothing under Wasserstein.
    """

    name: Literal["discriminator_overfits"] = "discriminator_overfits"
    verdict: ClassVar[str] = "DISCRIMINATOR-OVERFITS"
    needs: ClassVar[Needs] = ((HELD_OUT,), (REAL,), (FAKE,), (SPREAD,))
    share: PositiveFloat = 0.4  # r_v above which it overfits
    gap: PositiveFloat = 0.3  # between real and fake, in standard deviations of the reals' logits: below it r_v is undefined
    chance: PositiveFloat = 0.6  # between real and held out, likewise: three times what 64 against 64 images give by chance
    readings: PositiveInt = 3  # in a row that begin the state, and end it

    def holds(self, course: Course) -> Booleans:
        """r_v above the share where it is defined and more than chance."""
        overfit, apart, spare = shares(course)
        return lasting((overfit > self.share) & (apart > self.gap) & (spare > self.chance), self.readings)

    def says(self, course: Course, since: int) -> Says:
        """A warning: samples may still get better for a while."""
        overfit, _, _ = shares(course)
        told = evidence(course, HELD_OUT, overfit, self.share, since)
        reason = (
            f"Images it never trained on have lost {told.value:.0%} of the way from real to fake in the discriminator's eyes."
        )
        causes = (
            Cause("too few images", reason, "Augment what it sees", ("augmentations=[diffaugment]",)),
            Cause("too free a discriminator", reason, "Add r1 to `stabilizers`, or raise its gamma, or train it less often"),
        )
        return Says("warning", reason, (told,), causes)


def shares(course: Course) -> tuple[Floats, Floats, Floats]:
    """r_v, the gap, and the distance of held-out from training images, the last two in standard deviations: [T] each."""
    real, fake, held_out, spread = (mean(course.windows(name)) for name in (REAL, FAKE, HELD_OUT, SPREAD))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        return (real - held_out) / (real - fake), (real - fake) / spread, (real - held_out) / spread
