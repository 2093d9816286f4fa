"""Advice: what to log, so that a verdict can be given that could not be."""

from collections.abc import Iterable

IMAGES = "sample images: give --samples DIR --reals DIR; or a steadygan.Monitor with fake= and real="
MEANS = "means of D's raw output (before any sigmoid) on the real and on the fake batch, at every step"
MONITOR = "nothing to log by hand: three lines of steadygan.Monitor in your loop measure it"
# What begins with the first word is told by the second; the first that fits is taken. In the order of what is told first.
ADVICE = (
    ("cells/js_live", MONITOR),
    ("cells/", IMAGES),
    ("coverage/", IMAGES),
    ("diversity/", IMAGES),
    ("logit/held_out", "mean of D's raw output on real images that it is never trained on"),
    *((name, MEANS) for name in ("logit/", "gap/", "wobble/")),
    ("logit_std/", "standard deviation of D's raw outputs within a batch"),
    ("dispersion/", "standard deviation of D's raw outputs on fakes, over that on reals"),
    ("accuracy/", "share of real and fake images that D tells apart, in 0..1"),
    ("grad_norm/", "norm of all gradients of a player, after its backward pass"),
    ("loss/", "loss of a player"),
    ("memorization/", "how near samples come to training images; only runs of steadygan, which hold images out, measure it"),
    *((name, MONITOR) for name in ("auc/", "update_", "weight_norm/", "sigma", "ema/")),
)


def advice(series: str) -> str:
    """What to log for a series, in a few words; empty where nothing is known of it.

    >>> advice("logit_std/real")
    "standard deviation of D's raw outputs within a batch"
    """
    return next((words for start, words in ADVICE if series.startswith(start)), "")


def what_to_log(missing: Iterable[str]) -> list[tuple[str, str]]:
    """The series that are missing, joined where one piece of advice serves several, and that advice; a Monitor comes last.

    >>> what_to_log(["sigma/", "cells/js", "coverage/cells"])[0][0]
    'cells/js, coverage/cells'
    """
    found: dict[str, list[str]] = {}
    for series in without_families(dict.fromkeys(missing)):
        found.setdefault(advice(series), []).append(series)
    order = [*dict.fromkeys(words for _, words in ADVICE if words != MONITOR), MONITOR]
    return [(", ".join(found[words]), words) for words in order if words in found]


def without_families(names: Iterable[str]) -> list[str]:
    """The same without `sigma/` where one of its members is there, and without what comes beside another anyway.

    >>> without_families(["sigma/", "sigma/D.conv", "cells/js_live", "cells/js_live_floor"])
    ['sigma/D.conv', 'cells/js_live']
    """
    names = list(names)
    families = {
        name for name in names if name.endswith("/") and any(other != name and other.startswith(name) for other in names)
    }
    return [name for name in names if name not in families and not name.endswith("_floor")]
