"""Overfitting: the discriminator has learnt its training images by heart."""

from typing import Literal

from pydantic import PositiveFloat, PositiveInt

from steadygan.diagnosis import Evidence, Finding, Rule
from steadygan.diagnosis.readings import finite, newest_step
from steadygan.history import History


class Overfitting(Rule):
    """Images never trained on get logits nearer to the fakes' than to the training images'.

    The reading is r_v of Karras et al. 2020, arXiv:2006.06676, eq. 1: 0 where held-out images are judged like training images,
    1 where they are judged like fakes.
    """

    name: Literal["overfitting"] = "overfitting"
    threshold: PositiveFloat = 0.6  # the target that the paper's augmentation is steered to
    readings: PositiveInt = 5  # consecutive readings that must agree

    def check(self, history: History) -> Finding | None:
        """A warning where r_v stayed above the threshold; None where too little was read."""
        real, heldout, fake = (finite(history, f"logit/{who}")[1][-self.readings :] for who in ("real", "held_out", "fake"))
        if min(map(len, (real, heldout, fake))) < self.readings or (real <= fake).any():
            return None
        shares = (real - heldout) / (real - fake)
        if shares.min() < self.threshold:
            return None
        return Finding(
            rule=self.name,
            verdict="OVERFITTING",
            severity="warning",
            step=newest_step(history),
            reason=f"Held-out images are judged {shares[-1]:.0%} of the way from training images to fakes.",
            advice="Add differentiable augmentation: --set augmentations=[diffaugment].",
            evidence=(Evidence("logit/held_out", float(shares[-1]), self.threshold, 0),),
        )
