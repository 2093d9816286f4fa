"""Numbers and names as people read them: three significant digits, thousands set apart, units spelled out."""

import math

LOWER, HIGHER = "lower is better", "higher is better"
SCORES = {
    "kid": ("KID", LOWER),
    "frechet": ("Fréchet distance", LOWER),
    "inception_style": ("Inception-style score", HIGHER),
    "precision": ("Precision", HIGHER),
    "recall": ("Recall", HIGHER),
    "density": ("Density", HIGHER),
    "coverage": ("Coverage", HIGHER),
    "modes": ("Modes covered", HIGHER),
    "high_quality": ("High-quality samples", HIGHER),
    "reverse_kl": ("Reverse KL of modes", LOWER),
    "memorization": ("Near-copies of training images", LOWER),
    "memorization_distance": ("Distance to training images", "1 is what fresh real images read"),
    "conditional_accuracy": ("Conditional accuracy", HIGHER),
    "real_accuracy": ("The same classifier on real images", ""),
}
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: object, digits: int = 3) -> str:
    """A number with `digits` significant digits; anything else as it is.

    >>> number(1234567), number(0.00012345), number(1.9), number(128000.0), number(float("nan"))
    ('1,234,567', '0.000123', '1.9', '128,000', 'not finite')
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if not math.isfinite(value):
        return "not finite"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}".replace("-", "−")
    if not 1e-4 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        return f"{mantissa} × 10{str(int(exponent)).translate(SUPERSCRIPTS)}".replace("-", "−")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−")


def short(value: float) -> str:
    """A number for an axis, in as few characters as it takes.

    >>> short(1500), short(2e6), short(0.5), short(1e-5), short(-0.25)
    ('1.5k', '2M', '0.5', '10⁻⁵', '−0.25')
    """
    size = abs(value)
    if size >= 1e9 or 0 < size < 1e-3:
        mantissa, exponent = f"{value:.1e}".split("e")
        power = f"10{str(int(exponent)).translate(SUPERSCRIPTS)}"
        lead = mantissa.removesuffix(".0")
        return (power if lead == "1" else f"−{power}" if lead == "-1" else f"{lead}·{power}").replace("-", "−")
    for unit, letter in ((1e6, "M"), (1e3, "k")):
        if size >= unit:
            return f"{value / unit:.4g}{letter}".replace("-", "−")
    return f"{value:.4g}".replace("-", "−")


def duration(seconds: float) -> str:
    """Seconds as the two largest units.

    >>> duration(9.96), duration(210.3), duration(7325), duration(200000)
    ('10 s', '3 min 30 s', '2 h 2 min', '2 d 7 h')
    """
    whole = round(seconds)
    for size, name, smaller, smaller_name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {name}" + (f" {rest} {smaller_name}" if rest else "")
    return f"{whole} s"


def size(n_bytes: float) -> str:
    """Bytes in MiB or GiB.

    >>> size(734003200), size(3 * 2**30)
    ('700 MiB', '3 GiB')
    """
    return f"{number(n_bytes / 2**30)} GiB" if n_bytes >= 2**30 else f"{number(round(n_bytes / 2**20))} MiB"


def title(name: str) -> str:
    """The printed name of a score.

    >>> title("kid"), title("my_own")
    ('KID', 'My own')
    """
    return SCORES.get(name, (name.replace("_", " ").capitalize(), ""))[0]


def direction(name: str) -> str:
    """Which way a score is better, where we know it."""
    return SCORES.get(name, ("", ""))[1]
