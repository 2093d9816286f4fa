"""What can be judged with less: tiers of signals, each by the series that it does without."""

SAMPLES = ("diversity/", "ema/", "cells/", "coverage/", "memorization/")
CHEAP = ("gap/", "wobble/", "dispersion/", "update_", "sigma", "condition/", "effective_rank/", "weight_norm/")

TIERS: dict[str, tuple[str, ...]] = {
    "all": (),
    "no reference": ("cells/", "coverage/", "memorization/"),
    "no reference, no average, no optimizer": ("cells/", "coverage/", "memorization/", "ema/", "update_", "weight_norm/"),
    "no samples": SAMPLES,
    "losses, logits, accuracies, gradient norms": (*SAMPLES, *CHEAP),
}
