"""Advice: what to log, so that a verdict can be given that could not be."""

MONITOR = "steadygan.Monitor in your loop measures it"
IMAGES = "give sample images: --samples DIR --reals DIR; or a Monitor with fake= and real="
# What begins with the first word is told by the second; the first that fits is taken.
ADVICE = (
    ("cells/js_live", "how far the real batches of training differ from the data; runs of steadygan measure it"),
    ("cells/", IMAGES),
    ("coverage/", IMAGES),
    ("diversity/", IMAGES),
    ("logit/held_out", "mean of D's raw output on real images that are never trained on"),
    ("logit/real", "mean of D's raw output (before any sigmoid) on the real batch"),
    ("logit/fake", "mean of D's raw output (before any sigmoid) on the fake batch"),
    ("logit_std/", "standard deviation of D's raw outputs within a batch"),
    ("gap/", "log the means of D's raw output on real and fake at every step; or a Monitor with real_logits= and fake_logits="),
    (
        "wobble/",
        "log the means of D's raw output on real and fake at every step; or a Monitor with real_logits= and fake_logits=",
    ),
    ("dispersion/", "standard deviation of D's raw outputs on fakes, over that on reals"),
    ("accuracy/", "share of real and fake images that D tells apart, in 0..1"),
    ("auc/", f"chance that a real logit is above a fake one; {MONITOR}"),
    ("grad_norm/", "norm of all gradients of a player, after its backward pass"),
    ("loss/", "loss of a player"),
    ("update_", f"from the weights before and after updates; {MONITOR}"),
    ("sigma", f"largest singular values of the weights; {MONITOR}"),
    ("ema/", f"distance of samples from those of the averaged generator; {MONITOR}"),
)


def advice(series: str) -> str:
    """What to log for a series, in a few words; empty where nothing is known of it.

    >>> advice("logit_std/real")
    "standard deviation of D's raw outputs within a batch"
    """
    return next((words for start, words in ADVICE if series.startswith(start)), "")
