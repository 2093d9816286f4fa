"""What to give to `Monitor.step` so that a series is measured."""

ARGUMENTS = {
    "logit/held_out": "held_out_logits=",
    "ema/": "averaged=",
    "diversity/": "fake= and real=",
    "cells/": "fake= and real=",
    "coverage/": "fake= and real=",
    "memorization/": "a run of steadygan, which holds images out",
    "loss/": "scalars=",
    "penalty/": "scalars=",
    "learning_rate/": "optimizers=",
    "update_coherence/": "optimizers=",
    "sigma_error/": "steadygan's spectral_norm and a budget= that pays for spectra",
    **dict.fromkeys(("logit", "accuracy/", "auc/", "gap/", "dispersion/", "wobble/"), "real_logits= and fake_logits="),
    "sigma/": "a budget= that pays for spectra",
    "grad_norm/": "gradients in .grad",
    **dict.fromkeys(("update_", "weight_norm/"), "networks with weights that can be read"),
}


def argument(series: str) -> str:
    """The argument of `Monitor.step` that a series is measured from.

    >>> argument("diversity/pairwise_ratio")
    'fake= and real='
    """
    return next((given for prefix, given in ARGUMENTS.items() if series.startswith(prefix)), series)
